"""Read words that a checkpoint was never taught by the pieces that they share with words that it knows.

A piece means what the known words around it have in common: the mean of their vectors. A word is the mean of its
pieces, each counted as often as it has letters; what belongs to no piece is the mean of all words, which says nothing.
So "cubes" is nearly "cube", and "block" is no "blue". Words that are made of their parts are an idea of fastText
(Bojanowski et al., 2017); here only words are learned, and parts follow from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ...types import Float32
from .config import LONGEST_PIECE, MOST_PIECES, PAD, SHORTEST_PIECE, UNKNOWN, Descriptor, Prompt

LONGEST_SENTENCE = 32
"""Words of an instruction that a checkpoint with pieces reads, however long those were that it was trained with."""
Lacking = tuple[tuple[str, ...], int]
"""What a checkpoint lacks for an instruction: unknown words, each once, and tokens that it must have."""
EMBEDDING, POSITION = "text.embedding.weight", "text.position"


def learn_pieces(words: Iterable[str], most: int = MOST_PIECES) -> tuple[str, ...]:
    """Return what some words are made of: the same words give the same pieces.

    Byte-pair encoding (Sennrich et al., 2016): the two neighbours that most words have, and of several such the first
    by the alphabet, become one, until every word is one or there are `most` pieces. Two letters are in too many words
    to say something of one, so a piece has three at least.
    """
    parts = [list(word) for word in sorted(set(words))]
    pieces: dict[str, None] = {}
    while len(pieces) < most:
        pairs = Counter(pair for word in parts for pair in pairwise(word))
        if not pairs:
            break
        pair = min(pairs, key=lambda found: (-pairs[found], found))
        if SHORTEST_PIECE <= len(piece := "".join(pair)) <= LONGEST_PIECE:
            pieces[piece] = None
        parts = [_merged(word, pair) for word in parts]
    return tuple(pieces)


def split(word: str, pieces: Iterable[str]) -> list[str]:
    """Return the pieces of a word from its beginning on, the longest that fits; other letters are alone."""
    known = frozenset(pieces)
    longest, out = max(map(len, known), default=1), []
    while word:
        length = next((n for n in range(min(longest, len(word)), 1, -1) if word[:n] in known), 1)
        out.append(word[:length])
        word = word[length:]
    return out


def says_something(word: str, prompt: Prompt) -> bool:
    """Return whether an unknown word has a piece of known ones."""
    return any(len(piece) > 1 for piece in split(word, prompt.pieces))


def word_vector(word: str, prompt: Prompt, vectors: Float32) -> Float32:
    """Return (U,) of an unknown word, by the (V, U) vectors of the vocabulary."""
    known, table = prompt.vocabulary[2:], vectors[2:].astype(np.float64)
    total = np.zeros(vectors.shape[1])
    for piece in split(word, prompt.pieces) if known else ():
        around = [row for row, other in enumerate(known) if len(piece) > 1 and piece in other]
        total += len(piece) * table[around or slice(None)].mean(axis=0)
    return np.asarray(total / len(word), np.float32)


def strange(prompt: Prompt, words: Sequence[str]) -> Lacking:
    """Return what a checkpoint lacks for the words of an instruction."""
    known = {*prompt.vocabulary, PAD, UNKNOWN}
    return tuple(dict.fromkeys(word for word in words if word not in known)), max(
        prompt.max_tokens, len(words)
    )


def extended(
    descriptor: Descriptor, tensors: Mapping[str, Float32], lacking: Lacking
) -> tuple[Descriptor, dict[str, Float32]]:
    """Return the same network as one that knows some words more and reads as many tokens.

    What an instruction of known words means does not change but by the padding, of which there may be more. Places
    beyond those of training have no vector of their own.

    Args:
        descriptor: of the network.
        tensors: its tensors; `text.embedding.weight` and `text.position` at least.
        lacking: from `strange`.
    """
    words, tokens = lacking
    prompt, vectors, places = descriptor.prompt, tensors[EMBEDDING], tensors[POSITION]
    more = [word_vector(word, prompt, vectors)[None] for word in words]
    room = np.zeros((tokens - len(places), places.shape[1]), np.float32)
    told = replace(prompt, vocabulary=(*prompt.vocabulary, *words), max_tokens=tokens, pieces=())
    grown = {EMBEDDING: np.concatenate([vectors, *more]), POSITION: np.concatenate([places, room])}
    return replace(descriptor, prompt=told), {**tensors, **grown}


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """Return the parts of a word with every `pair` of neighbours made one, from the left."""
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return out
