"""`cldr_phrases_zh`: names, dates, numbers, amounts and lists in English and in Chinese."""

from tidegate.data.phrases import phrase_set

DATASET = phrase_set(
    name="cldr_phrases_zh",
    language="zh",
    title="names, dates, numbers, amounts, durations, lists: English to Chinese",
    rows=22_695,
    known="sha256:8525ce7e143d52a16aa2d703ae65c3b03a44e33eb94d8c6b490725e344f244b5",
)
