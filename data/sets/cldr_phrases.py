"""`cldr_phrases`: names, dates, numbers, amounts and lists in English and in German."""

from tidegate.data.phrases import phrase_set

DATASET = phrase_set(
    name="cldr_phrases",
    language="de",
    title="names, dates, numbers, amounts, durations, lists: English to German",
    rows=22_745,
    known="sha256:3acb1e424462b157c925bbb3e6c27b9c75849d51645d766fe1993a57789a1d42",
)
