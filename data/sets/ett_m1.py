"""`ett-m1`: ETTm1, the seven channels of `ett` by the quarter of an hour."""

from tidegate.data.ett_transformer import ett

DATASET = ett(
    name="ett-m1",
    file_name="ETTm1.csv",
    title="7 series of a transformer each 15 minutes: six loads and the oil temperature (ETTm1)",
    known="sha256:6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e",
    steps_a_day=96,
)
