"""Text to token ids in the transform graph, with tensorflow-text.

Ids are 0 for padding, 1 for an unknown token, then the vocabulary by falling frequency.
"""

from collections.abc import Iterable
from typing import Literal, Protocol

import tensorflow as tf
import tensorflow_text as tf_text
import tensorflow_transform as tft

from tidegate.models.text.wordpiece import learn_wordpiece, wordpiece_lines

PADDING_ID = 0
UNKNOWN_ID = 1
FIRST_ID = 2

# Scripts written without spaces between words: each character stands alone.
# (U+30FC, the mark of a long vowel, belongs to both kana and in Unicode to neither.)
UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\x{30FC}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    r"\p{Tibetan}"
)
# A character of those scripts, a punctuation mark or a symbol, with the marks on it.
_SINGLE = rf"(?:[{UNSPACED}]|[^\p{{L}}\p{{M}}\p{{N}}\s])\p{{M}}*"
# An apostrophe inside a word becomes the letter apostrophe (U+02BC), so that "don't" is one word.
_APOSTROPHE = r"(\p{L})['’](\p{L})"
# Comments and declarations; tags that HTML knows, with attributes that have values: none of them is
# in "x <y and z> 3", "<john@x.com>" and "List<String>".
_TAGS = (
    "a|abbr|acronym|address|area|article|aside|audio|b|base|big|blockquote|body|br|button|canvas|"
    "caption|center|cite|code|col|colgroup|dd|del|details|div|dl|dt|em|embed|fieldset|figcaption|"
    "figure|font|footer|form|frame|frameset|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|"
    "label|legend|li|link|main|map|mark|meta|nav|noscript|object|ol|optgroup|option|p|param|picture|"
    "pre|q|s|samp|script|section|select|small|source|span|strike|strong|style|sub|summary|sup|svg|"
    "table|tbody|td|textarea|tfoot|th|thead|time|title|tr|tt|u|ul|var|video|wbr"
)
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'<>]+)"""
_MARKUP = (
    r"(?is)<!--.*?-->|<!doctype[^<>]*>"
    rf"|</?(?:{_TAGS})(?:\s+[a-z][\w:.-]*\s*=\s*{_VALUE})*\s*/?>"
)
# Entities of HTML that texts from the web hold; "&amp;" first, as many are escaped twice.
_ENTITIES = (
    (r"&(?:(?:amp|#0*38);)+", "&"),
    (r"&(?:lt|#0*60);", "<"),
    (r"&(?:gt|#0*62);", ">"),
    (r"&(?:quot|ldquo|rdquo|#0*34);", '"'),
    (r"&(?:apos|lsquo|rsquo|#0*39|#x0*27);", "'"),
    (r"&(?:nbsp|#0*160);", " "),
    (r"&(?:ndash|mdash|#0*821[12]);", "-"),
    (r"&hellip;", "..."),
)
# What is not seen: soft hyphens, joiners, directions, byte order marks; case folding drops them.
_INVISIBLE = r"[\x{AD}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{FE00}-\x{FE0F}\x{FEFF}]"
# In texts of fewer words on average it is the spelling of each that tells them apart, and few of
# the words of new texts are known.
_FEW_WORDS = 8.0
# White space; RE2's \s is that of ASCII, without the vertical tab.
_SPACE = r"[\s\x0B\x{85}\p{Z}]+"


class TokenSettings(Protocol):
    """What the functions here read of a task's feature settings."""

    tokenizer: Literal["auto", "words", "chars", "wordpiece"]
    vocabulary_size: int
    min_count: int
    max_tokens: int
    truncation: Literal["head", "head_tail"]
    case_fold: bool
    strip_markup: bool


def normalise(text: tf.Tensor, settings: TokenSettings) -> tf.Tensor:
    """Unicode NFKC, case folding, markup and broken bytes replaced.

    Args:
      text: string[batch], UTF-8; invalid bytes become U+FFFD, so that no request can fail here.
      settings: `case_fold` and `strip_markup`.

    Returns:
      string[batch].
    """
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
    if settings.strip_markup:
        text = tf.strings.regex_replace(text, _MARKUP, " ")
        for entity, character in _ENTITIES:
            text = tf.strings.regex_replace(text, entity, character)
    text = tf_text.normalize_utf8(text, "NFKC")
    text = tf.strings.regex_replace(text, _INVISIBLE, "")
    if settings.case_fold:
        text = tf_text.case_fold_utf8(text)
    return text


def split_words(text: tf.Tensor) -> tf.RaggedTensor:
    """Unicode words; punctuation apart; scripts without spaces by character.

    Args:
      text: string[batch], normalised.

    Returns:
      string[batch, (words)].
    """
    for _ in range(2):  # Matches do not overlap: "rock'n'roll" takes two passes.
        text = tf.strings.regex_replace(text, _APOSTROPHE, r"\1ʼ\2")
    text = tf.strings.regex_replace(text, _SINGLE, r" \0 ")
    # tensorflow-text's WhitespaceTokenizer gives the same with ten times the ops, which a request
    # pays for; TensorFlow's own splits at ASCII's white space.
    return tf.strings.split(tf.strings.regex_replace(text, _SPACE, " "))


def single_spaced(text: tf.Tensor) -> tf.Tensor:
    """string[batch] with each run of white space as one space, and one at either end of a text."""
    text = tf.strings.regex_replace(tf.strings.join([" ", text, " "]), _SPACE, " ")
    return tf.strings.regex_replace(text, "^ $", "")


def split_characters(text: tf.Tensor) -> tf.RaggedTensor:
    """Unicode characters, each run of white space as one space.

    Args:
      text: string[batch], normalised.

    Returns:
      string[batch, (characters)].
    """
    text = tf.strings.strip(tf.strings.regex_replace(text, _SPACE, " "))
    return tf.strings.unicode_split(text, "UTF-8")


def are_characters(vocabulary: Iterable[bytes]) -> bool:
    """Whether a vocabulary's tokens are single characters."""
    return all(len(token.decode("utf-8", "replace")) == 1 for token in vocabulary)


def token_ids(text: tf.Tensor, settings: TokenSettings, *, name: str) -> tf.RaggedTensor:
    """Texts to ids by a vocabulary that the transform pipeline learns from them.

    Args:
      text: string[batch], normalised.
      settings: tokenizer and vocabulary.
      name: the vocabulary's name in the transform graph.

    Returns:
      int64[batch, (tokens)], before truncation; a text without any token gives an empty row.
    """
    if settings.tokenizer == "wordpiece":
        words = split_words(text)
        path = learn_wordpiece(
            words.flat_values,
            name=name,
            vocabulary_size=settings.vocabulary_size,
            min_count=settings.min_count,
        )
        return wordpiece_lines(words, path) + UNKNOWN_ID  # The line of the unknown one is 0.
    tokens = split_characters(text) if settings.tokenizer == "chars" else split_words(text)
    if settings.tokenizer == "auto":
        words = tokens
        # A branch that is not taken costs a request nothing.
        tokens = tf.cond(
            tft.mean(words.row_lengths()) < _FEW_WORDS,
            lambda: split_characters(text),
            lambda: words,
        )
    path = tft.vocabulary(
        tokens.flat_values,
        top_k=settings.vocabulary_size,
        frequency_threshold=settings.min_count,
        vocab_filename=name,
    )
    ids = tft.apply_vocabulary(tokens.flat_values, path, default_value=UNKNOWN_ID - FIRST_ID)
    return tokens.with_flat_values(ids + FIRST_ID)


def truncate(ids: tf.RaggedTensor, settings: TokenSettings) -> tf.SparseTensor:
    """At most `max_tokens` ids a row, and never an empty row.

    Args:
      ids: int64[batch, (tokens)].
      settings: `max_tokens` and `truncation`; `head_tail` keeps as many from the end as from the
        beginning.

    Returns:
      int64[batch, (tokens)], sparse, with 1 to `max_tokens` ids a row; an empty row becomes one
      unknown.
    """
    # By place in the row: slices and concatenations of ragged tensors are hundreds of ops.
    most = settings.max_tokens
    tail = 0 if settings.truncation == "head" else most // 2
    rows, lengths = ids.value_rowids(), ids.row_lengths()
    place = tf.range(tf.size(rows, tf.int64)) - tf.gather(ids.row_starts(), rows)
    length = tf.gather(lengths, rows)
    cut = tf.maximum(length - most, 0)
    head = place < most - tail
    kept = tf.where(tf.logical_or(head, place >= length - tail))[:, 0]
    new_place = tf.where(head, place, place - cut)
    longest = tf.minimum(tf.reduce_max(tf.concat([lengths, [1]], axis=0)), most)
    found = tf.SparseTensor(
        indices=tf.gather(tf.stack([rows, new_place], axis=1), kept),
        values=tf.gather(ids.flat_values, kept),
        dense_shape=tf.stack([tf.size(lengths, tf.int64), longest]),
    )
    filled, _ = tf.sparse.fill_empty_rows(found, tf.constant(UNKNOWN_ID, tf.int64))
    return filled
