"""Random numbers are the same for the same purpose and different for any other."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from iris_simulate._random import Stream, generator

numbers = st.integers(0, 2**40)


@given(numbers, st.sampled_from(Stream), numbers, numbers)
def test_the_same_arguments_give_the_same_numbers(seed: int, stream: Stream, realisation: int, index: int) -> None:
    one, two = (generator(seed, stream, realisation, index) for _ in range(2))
    assert one.random(4).tolist() == two.random(4).tolist()


def test_any_other_argument_gives_other_numbers() -> None:
    first = {float(generator(*arguments).random()) for arguments in product(range(3), Stream, range(3), range(3))}
    assert len(first) == 3 * len(Stream) * 3 * 3
