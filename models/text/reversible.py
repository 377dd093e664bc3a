"""Text to token ids and back, for tasks that give out text: the tokens on end are the text.

Ids are 0 for padding, 1 for an unknown token, 2 for the border between two texts, then the
vocabulary. A token holds the space before it, so that the text of several is theirs on end.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import tensorflow as tf
import tensorflow_text as tf_text
import tensorflow_transform as tft

from tidegate.models.text.pieces import JOINER
from tidegate.models.text.tokens import UNSPACED
from tidegate.models.text.wordpiece import learn_wordpiece, wordpiece_lines

PADDING_ID = 0
UNKNOWN_ID = 1
BORDER_ID = 2
FIRST_ID = 3

Tokenizer = Literal["words", "spaces", "chars", "wordpiece"]

# A vocabulary has an entry a line. The end of a line stands there as Unicode's own sign for it.
_LINE = "\u2028"
# U+FFFD, what stands where a character cannot be read.
_UNREADABLE = "\ufffd"
_WORD = rf"[^\s\p{{Z}}\p{{C}}\p{{P}}\p{{S}}{UNSPACED}]"
_PATTERNS = {
    # Spaces in a row, as before an indented line; a word, with apostrophes inside; one character
    # of another kind with the marks on it.
    "words": rf" {{2,4}}| ?(?:{_WORD}+(?:['’]{_WORD}+)*|[^ ]\p{{M}}*)",
    "spaces": rf" ?[^ {_LINE}]+| ?{_LINE}",
}


class TokenSettings(Protocol):
    """What the functions here read of a task's feature settings."""

    tokenizer: Tokenizer
    vocabulary_size: int
    min_count: int


def canonical(text: tf.Tensor) -> tf.Tensor:
    """The text that comes back: in Unicode's form NFC, with line feeds alone at the ends of lines.

    Args:
      text: string[...], UTF-8; invalid bytes and the character 0 become U+FFFD.

    Returns:
      string[...].
    """
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
    # tensorflow-text drops the character 0 where it splits.
    text = tf.strings.regex_replace(text, r"\x00", _UNREADABLE)
    text = tf.strings.regex_replace(text, rf"\r\n?|{_LINE}", "\n")
    return tf_text.normalize_utf8(text, "NFC")


def split(text: tf.Tensor, tokenizer: Tokenizer) -> tf.RaggedTensor:
    """Canonical texts to tokens, which are the text if they are joined.

    `words` takes punctuation apart, and single characters of scripts without spaces; `spaces` parts
    at spaces and ends of lines alone, as text that is in words already has them; `chars` are
    Unicode's. `wordpiece` splits as `words` does.

    Args:
      text: string[batch], canonical.
      tokenizer: one of these.

    Returns:
      string[batch, (tokens)], with U+2028 for the end of a line.
    """
    text = tf.strings.regex_replace(text, "\n", _LINE)
    if tokenizer == "chars":
        return tf.strings.unicode_split(text, "UTF-8")
    pattern = _PATTERNS["spaces" if tokenizer == "spaces" else "words"]
    return tf_text.regex_split(text, pattern, keep_delim_regex_pattern=r"(?s).*")


def token_ids(text: tf.Tensor, settings: TokenSettings, *, name: str) -> tf.RaggedTensor:
    """Texts to ids by a vocabulary that the transform pipeline learns from them.

    Args:
      text: string[batch], canonical.
      settings: tokenizer and vocabulary.
      name: the vocabulary's name in the transform graph.

    Returns:
      int64[batch, (tokens)], without borders.
    """
    (ids,) = ids_of_all([text], settings, name=name)
    return ids


def ids_of_all(
    texts: Sequence[tf.Tensor], settings: TokenSettings, *, name: str
) -> list[tf.RaggedTensor]:
    """The same for several texts of a row, by one vocabulary that is learnt from all of them."""
    every = [split(text, settings.tokenizer) for text in texts]
    learnt_from = tf.concat([tokens.flat_values for tokens in every], axis=0)
    if settings.tokenizer == "wordpiece":
        path = learn_wordpiece(
            learnt_from,
            name=name,
            vocabulary_size=settings.vocabulary_size,
            min_count=settings.min_count,
        )
        return [_known(wordpiece_lines(tokens, path)) for tokens in every]
    path = tft.vocabulary(
        learnt_from,
        top_k=settings.vocabulary_size,
        frequency_threshold=settings.min_count,
        vocab_filename=name,
    )
    unknown = UNKNOWN_ID - FIRST_ID
    return [
        tokens.with_flat_values(
            tft.apply_vocabulary(tokens.flat_values, path, default_value=unknown) + FIRST_ID
        )
        for tokens in every
    ]


def _known(lines: tf.RaggedTensor) -> tf.RaggedTensor:
    """Lines of wordpieces, the first of which is the unknown one, to ids."""
    line = lines.flat_values
    unknown = tf.constant(UNKNOWN_ID, tf.int64)
    return lines.with_flat_values(tf.where(line == 0, unknown, line + FIRST_ID - 1))


def spellings(vocabulary: Sequence[bytes], tokenizer: Tokenizer) -> list[bytes]:
    """What each id is as text, by the entries of a learnt vocabulary.

    An unknown token is U+FFFD, behind a space where most tokens are; padding and borders are
    nothing.
    """
    spaced = tokenizer in ("words", "spaces")
    special = [b"", f"{' ' if spaced else ''}{_UNREADABLE}".encode(), b""]
    if tokenizer == "wordpiece":
        vocabulary = [entry.removeprefix(JOINER.encode()) for entry in vocabulary[1:]]
    return special + [entry.replace(_LINE.encode(), b"\n") for entry in vocabulary]


def written(tokens: tf.RaggedTensor) -> tf.RaggedTensor:
    """string[batch, (tokens)] as `split` gives them, with the ends of lines as in the text."""
    return tokens.with_flat_values(tf.strings.regex_replace(tokens.flat_values, _LINE, "\n"))


def join(ids: tf.Tensor, spelled: tf.Tensor) -> tf.Tensor:
    """Ids to text.

    Args:
      ids: int[..., tokens].
      spelled: string[ids], `spellings`.

    Returns:
      string[...].
    """
    return tf.strings.reduce_join(tf.gather(spelled, ids), axis=-1)
