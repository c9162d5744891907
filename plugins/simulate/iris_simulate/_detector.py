"""The detector as it truly is: response, dark current, defects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iris_core import DQ, Flags, Image, Mask

__all__ = ["DetectorTruth", "axes", "dark_pattern", "make_detector"]

_PIXEL_SCATTER = 0.005
_BOWL = 0.03
_HOT_RATE = (5.0, 100.0)


@dataclass(frozen=True, slots=True)
class DetectorTruth:
    """A detector without noise; all planes ``(ny, nx)``.

    Parameters
    ----------
    qe
        Relative quantum efficiency: mean 1 over the live pixels, 0 in dead ones.
    area
        Relative pixel area, mean 1.
    dark
        electron / s.
    hot, dead
        The defects.
    noticed
        Defects that the exposure's own DQ has as well.
    """

    qe: Image
    area: Image
    dark: Image
    hot: Mask
    dead: Mask
    noticed: Mask

    @property
    def flat(self) -> Image:
        """Response to a uniform surface brightness: efficiency times pixel area."""
        return self.qe * self.area

    @property
    def dark_dq(self) -> Flags:
        """DQ of the dark reference."""
        return _flags(self.hot, DQ.HOT)

    @property
    def flat_dq(self) -> Flags:
        """DQ of the flat reference."""
        return _flags(self.dead, DQ.DEAD)

    @property
    def exposure_dq(self) -> Flags:
        """DQ of an exposure: what was noticed already."""
        return _flags(self.hot & self.noticed, DQ.HOT) | _flags(self.dead & self.noticed, DQ.DEAD)


def _flags(mask: Mask, kind: DQ) -> Flags:
    return np.where(mask, np.uint32(kind | DQ.DO_NOT_USE), np.uint32(0))


def make_detector(
    area: Image, dark_current: float, defects: float, keep_clear: Mask, rng: np.random.Generator
) -> DetectorTruth:
    """Return a detector with a bowl-shaped response, pixel scatter, a glow in the dark, and defects.

    Parameters
    ----------
    area
        Relative pixel area.
    dark_current
        Mean of the good pixels, electron / s.
    defects
        Share of the pixels; half of them hot, half of them dead.
    keep_clear
        No defects there.
    rng
        Source of all that is random in the detector.
    """
    kind = rng.random(area.shape, dtype=np.float32)
    kind[keep_clear] = 1.0
    hot, dead = kind < defects / 2, (kind >= defects / 2) & (kind < defects)
    return DetectorTruth(
        qe=_efficiency(area.shape, dead, rng),
        area=area,
        dark=_dark(area.shape, dark_current, hot, rng),
        hot=hot,
        dead=dead,
        noticed=rng.random(area.shape, dtype=np.float32) < 0.5,
    )


def axes(shape: tuple[int, ...]) -> tuple[Image, Image]:
    """Return a column and a row that go from -1 to 1 along y and x."""
    y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in shape)
    return y[:, np.newaxis], x[np.newaxis, :]


def _efficiency(shape: tuple[int, ...], dead: Mask, rng: np.random.Generator) -> Image:
    y, x = axes(shape)
    qe = rng.standard_normal(shape, dtype=np.float32)
    qe *= np.float32(_PIXEL_SCATTER)
    qe += 1 - np.float32(_BOWL) * (x * x + y * y)
    qe[dead] = 0
    qe /= np.float32(qe.sum(dtype=np.float64) / np.count_nonzero(~dead))
    return qe


def dark_pattern(shape: tuple[int, ...], level: float, rng: np.random.Generator) -> Image:
    """Return the dark current without hot pixels, mean `level`: a slope, a warm corner, scatter."""
    y, x = axes(shape)
    dark = 1 + 0.1 * x + 0.5 * np.exp(3 * (x - 1)) * np.exp(3 * (y - 1))
    dark = dark * (1 + 0.1 * np.clip(rng.standard_normal(shape, dtype=np.float32), -3, 3))
    dark *= np.float32(level / dark.mean(dtype=np.float64))
    return dark.astype(np.float32, copy=False)


def _dark(shape: tuple[int, ...], level: float, hot: Mask, rng: np.random.Generator) -> Image:
    dark = dark_pattern(shape, level, rng)
    dark[hot] += rng.uniform(*_HOT_RATE, size=np.count_nonzero(hot)).astype(np.float32)
    return dark
