"""`ett`: ETTh1, seven channels of a transformer station by the hour."""

from tidegate.data.ett_transformer import ett

DATASET = ett(
    name="ett",
    file_name="ETTh1.csv",
    title="7 hourly series of a transformer: six loads and the oil temperature (ETTh1)",
    known="sha256:f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
    steps_a_day=24,
)
