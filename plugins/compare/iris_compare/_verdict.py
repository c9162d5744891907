"""What the difference of two products amounts to, in one word, with the reasons for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from iris_compare._catalogs import SAME_PLACE, CatalogChange
from iris_compare._difference import Difference
from iris_compare._noise import Noise
from iris_compare._planes import PlaneChange

__all__ = ["Verdict", "judge", "judge_catalogs"]

# Of noise: its size and that of blocks (1 for independent ones), stray pixels, changed flags, the errs.
_SPREAD, _COHERENT, _FAR, _FLAGS, _ERR, _PIXEL = 1.1, 2.0, 1e-3, 0.01, 0.1, 0.05
_SHARED = 0.5  # up to which two have their noise in common: other cosmic rays are no reason for what else differs
# Of a catalogue: sources found in one alone, median shift of a flux over its error, size of the differences.
_LOST, _SHIFT, _FLUX = 0.2, 0.5, 1.5


class Verdict(StrEnum):
    """How much two products differ, from not at all to more than the noise."""

    IDENTICAL = "identical"
    SAME_DATA = "same data"
    LAST_BITS = "last bits"
    WITHIN_NOISE = "within the noise"
    DIFFERENT = "different"

    @property
    def exit_code(self) -> int:
        """0 where the data are the same, 1 where no reader of them would see it, 3 where they differ."""
        return {"identical": 0, "same data": 0, "last bits": 1, "within the noise": 1, "different": 3}[self.value]


def judge(
    difference: Difference, planes: Sequence[PlaneChange], noise: Noise | None, alone: Sequence[str]
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on two images, and why no better one could be given.

    Parameters
    ----------
    difference, planes, noise
        What was measured.
    alone
        What one product has and the other has not: planes, a gWCS.
    """
    if difference.refusal or alone:
        return Verdict.DIFFERENT, tuple(filter(None, (difference.refusal, *alone)))
    sky = difference.sky
    if not planes and (sky is None or sky.arcsec == 0):
        return Verdict.SAME_DATA, ()
    beyond = [one.name for one in planes if one.beyond]
    if not beyond and (sky is None or 1e3 * sky.arcsec <= SAME_PLACE):
        steps = max((one.steps for one in planes), default=0)
        return Verdict.LAST_BITS, (f"at most {steps} float32 steps apart, or 1e-4 of ERR",)
    reasons = tuple(_more_than_noise(difference, planes, noise))
    if reasons:
        return Verdict.DIFFERENT, reasons
    if noise is None:
        return Verdict.WITHIN_NOISE, ("the WCS alone differ, by less than a twentieth of a pixel",)
    return Verdict.WITHIN_NOISE, (f"the difference is {noise.spread:.2f} of the noise that both ERR give",)


def _more_than_noise(difference: Difference, planes: Sequence[PlaneChange], noise: Noise | None) -> Iterator[str]:
    sky = difference.sky
    if sky is not None and sky.pixels > _PIXEL:
        yield f"the same pixel is up to {1e3 * sky.arcsec:.3g} mas apart on the sky ({sky.pixels:.3g} pixel)"
    if noise is not None:
        yield from _unlike_noise(noise)
        yield from _unlike_shared(difference, planes, noise)
    elif planes:
        yield "the data are not the same, and an ERR is not known"


def _unlike_noise(noise: Noise) -> Iterator[str]:
    if noise.spread > _SPREAD:
        yield f"the difference is {noise.spread:.3g} times the noise that both ERR give"
    if noise.coherent > _COHERENT:
        yield f"neighbouring pixels differ alike: in blocks of 16 x 16 by {noise.coherent:.3g} times their noise"
    if noise.far > (_FAR if noise.spread > _SHARED else 0):
        yield f"{100 * noise.far:.2g} % of the pixels differ by more than 5 times the noise"


def _unlike_shared(difference: Difference, planes: Sequence[PlaneChange], noise: Noise) -> Iterator[str]:
    """Yield that ERR or DQ differ: in any pixel where both have one noise, and else in too many."""
    shared, err = noise.spread <= _SHARED, difference.err
    values = () if err is None else (err.smallest.value, err.largest.value) if shared else (err.median,)
    if any(abs(one - 1) > _ERR for one in values):
        yield f"ERR is {' to '.join(f'{one:.3g}' for one in values)} times that of the first"
    flags = next((one for one in planes if one.name == "dq"), None)
    if flags is not None and flags.changed > (0 if shared else _FLAGS * flags.pixels):
        yield f"DQ bits differ in {flags.changed} pixels"


def judge_catalogs(change: CatalogChange) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on two catalogues, and why no better one could be given."""
    alone = change.first_only + change.other_only
    if not (alone or change.changed):
        return Verdict.SAME_DATA, ()
    if not (alone or change.beyond):
        return Verdict.LAST_BITS, ("no value differs by more than 16 float32 steps",)
    reasons = tuple(_more_than_errors(change, alone))
    return (Verdict.DIFFERENT, reasons) if reasons else (Verdict.WITHIN_NOISE, ("fluxes differ by their errors",))


def _more_than_errors(change: CatalogChange, alone: int) -> Iterator[str]:
    if alone > _LOST * (2 * change.matched + alone):
        yield f"{alone} sources are in one catalogue only, {change.matched} in both"
    known = [one for one in change.fluxes if one.sources]
    if not known:
        yield "no flux with an error to compare"
    for one in known:
        if abs(one.median) > _SHIFT:
            yield f"{one.column} differs by {one.median:+.3g} of its error in the median"
        elif one.spread > _FLUX:
            yield f"{one.column} differs by {one.spread:.3g} times its errors"
