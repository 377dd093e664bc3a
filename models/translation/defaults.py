"""What a request need not say: the value of each option, for a row."""

from typing import Any

# Of `translate`. 1 beam takes the most probable token each time. The length penalty is the one of
# Wu et al. 2016, with their exponent. A length of 0 stands for twice the source's tokens and ten.
TRANSLATE: dict[str, Any] = {"beams": 5, "length_penalty": 0.6, "length": 0}
