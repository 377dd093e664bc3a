"""Normalisation and the splitting into words and characters, by worked examples."""

from __future__ import annotations

import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.models.text import tokens
from tidegate.models.text_classification.settings import FeatureSettings


def normalised(text: str | bytes, **features: bool) -> str:
    return tokens.normalise(tf.constant([text]), FeatureSettings(**features))[0].numpy().decode()


def words(text: str) -> list[str]:
    found = tokens.split_words(tf.constant([normalised(text)]))
    return [word.decode() for word in found.to_list()[0]]


def characters(text: str) -> list[str]:
    found = tokens.split_characters(tf.constant([normalised(text)]))
    return [one.decode() for one in found.to_list()[0]]


@pytest.mark.parametrize(
    "text,expected",
    [
        ("ＡＢＣ　１２", "abc 12"),  # full width
        ("ﬁne ²", "fine 2"),  # compatibility forms
        ("e\u0301", "é"),  # composed
        ("ｶﾞ", "ガ"),  # half-width kana
        ("STRASSE Straße ẞ", "strasse strasse ss"),  # folded, not only lowered
        ("ΣΊΣΥΦΟΣ σίσυφος", "σίσυφοσ σίσυφοσ"),
        ("good<br /><br/>bad", "good  bad"),
        ("<P class='x'>a</P><!-- b -->", " a  "),
        ("a < b, 3<4 and I <3 you", "a < b, 3<4 and i <3 you"),  # no markup
        ("x <y and z> 3 <john@x.com>", "x <y and z> 3 <john@x.com>"),
        ("List<String> a<b and c>d", "list<string> a<b and c>d"),
        ("a<!-- 1 > 0\n<b> -->b<!DOCTYPE html>c", "a b c"),
        ('a<IMG src="x>y.png" alt=z/>b</Td>c<h2>d', "a b c d"),
        (
            "it&#039;s &amp;amp; R&D &lt;b&gt; &quot;x&quot;&nbsp;&hellip;",
            'it\'s & r&d <b> "x" ...',
        ),
        ("", ""),
    ],
)
def test_normalised(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    "broken,expected",
    [(b"\xff", "\ufffd"), (b"ab\xe4", "ab\ufffd"), (b"\xc3(", "\ufffd("), (b"\x80x", "\ufffdx")],
)
def test_broken_utf8_becomes_the_replacement_character(broken: bytes, expected: str) -> None:
    assert normalised(broken) == expected


def test_case_and_markup_can_be_kept() -> None:
    assert normalised("A<b>C", case_fold=False) == "A C"
    assert normalised("A<b>C &amp;", strip_markup=False) == "a<b>c &amp;"


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("text", ["co\u00adoperate", "\ufeffcooperate", "co\u200boperate\u200e"])
def test_what_is_not_seen_does_not_part_a_word(text: str, fold: bool) -> None:
    assert normalised(text, case_fold=fold) == "cooperate"


@pytest.mark.parametrize(
    "text,expected",
    [
        ("Don't PANIC!", ["donʼt", "panic", "!"]),
        ("don’t", ["donʼt"]),
        ("rock'n'roll", ["rockʼnʼroll"]),
        ("'quoted' dogs' tails", ["'", "quoted", "'", "dogs", "'", "tails"]),
        ("well-known, 3.5 %", ["well", "-", "known", ",", "3", ".", "5", "%"]),
        ("user_name@x.org", ["user", "_", "name", "@", "x", ".", "org"]),
        ("我爱北京。OK", ["我", "爱", "北", "京", "。", "ok"]),
        ("iPhone手机5G", ["iphone", "手", "机", "5g"]),
        ("時々です", ["時", "々", "で", "す"]),
        ("スーパーーabc", ["ス", "ー", "パ", "ー", "ー", "abc"]),
        ("안녕 하세요", ["안녕", "하세요"]),
        ("ดีไทย", ["ดี", "ไ", "ท", "ย"]),  # a vowel sign stays on its consonant
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("اللُّغَة العربية", ["اللُّغَة", "العربية"]),
        ("q\u0323\u0307x y", ["q\u0323\u0307x", "y"]),  # marks that cannot be composed
        ("nice❤\ufe0fday 👍🏽", ["nice", "❤", "day", "👍", "🏽"]),
        ("?\u0301a", ["?\u0301", "a"]),  # a mark on a sign is no part of the next word
        (" \t\n\u2028\x0b ", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    "text,expected",
    [
        ("Ab  c", ["a", "b", " ", "c"]),
        ("  a\t\r\n\x0b\u2028\u0085\u3000b ", ["a", " ", "b"]),
        ("水闸。", ["水", "闸", "。"]),
        ("e\u0301", ["é"]),
        ("", []),
        (" \u2029 ", []),
    ],
)
def test_characters(text: str, expected: list[str]) -> None:
    assert characters(text) == expected


ANY_TEXT = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("ab'’ .水カーดี가\u0301<>\t")),
    max_size=40,
)


def bare(text: str) -> str:
    """Without white space, all apostrophes alike."""
    return "".join(text.replace("ʼ", "'").replace("’", "'").split())


@settings(max_examples=40, deadline=None)
@given(st.lists(ANY_TEXT, min_size=1, max_size=6))
def test_splitting_loses_nothing_but_space(texts: list[str]) -> None:
    normal = tokens.normalise(tf.constant(texts), FeatureSettings())
    expected = [bare(text.decode()) for text in normal.numpy()]
    for split in (tokens.split_words, tokens.split_characters):
        assert [bare(b"".join(row).decode()) for row in split(normal).to_list()] == expected


@settings(max_examples=30, deadline=None)
@given(ANY_TEXT)
def test_a_word_is_one_sign_or_all_letters_marks_and_digits(text: str) -> None:
    for word in words(text):
        base = "".join(c for c in word if unicodedata.category(c)[0] != "M")
        wordlike = all(unicodedata.category(c)[0] in "LN" for c in base)
        # What this Python's Unicode does not know yet may be either.
        unknown = any(unicodedata.category(c) == "Cn" for c in base)
        assert word and (len(base) <= 1 or wordlike or unknown)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=4))
def test_any_bytes_become_valid_utf8(texts: list[bytes]) -> None:
    for text in tokens.normalise(tf.constant(texts), FeatureSettings()).numpy():
        text.decode("utf-8")
