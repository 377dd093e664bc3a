"""What a request need not say: the value of each option, for a row."""

from typing import Any

# Of `generate`. A temperature of 0 takes the most probable token each time; `top_k` 0 and `top_p` 1
# leave all tokens; `beams` of 2 or more search, and draw nothing.
GENERATE: dict[str, Any] = {
    "length": 100,
    "temperature": 0.8,
    "top_k": 0,
    "top_p": 1.0,
    "seed": 0,
    "samples": 1,
    "beams": 1,
    "length_penalty": 0.0,
    "stop": [],
}
# Of `next`: how many tokens are named, and the state at the beginning.
NEXT: dict[str, Any] = {"count": 10, "state": []}
