"""Numbers to text, the same in the window and on the command line. Knows nothing of runs.

Rates are fractions in [0, 1] everywhere else in the house; only here do they become per cent.
"""

import contextlib
import math
import time

FORMULA = ("=", "+", "-", "@", "\t", "\r")
MINUS = "\N{MINUS SIGN}"
THIN = "\N{THIN SPACE}"


def _signed(text: str) -> str:
    return text.replace("-", MINUS)


def cell(text: str) -> str:
    """A text for a table in CSV. A spreadsheet would run one that begins as a formula does, so it gets an apostrophe before."""
    with contextlib.suppress(ValueError):
        float(text)
        return text
    text = f"'{text}" if text.startswith(FORMULA) else text
    return text.replace("\r", " ")  # which ends a row for some readers, and csv does not quote it


def percent(fraction: float, digits: int = 1) -> str:
    """0.954 -> "95.4 %" with a thin space."""
    return _signed(f"{100 * fraction:z.{digits}f}") + f"{THIN}%"


def points(fraction: float, digits: int = 1) -> str:
    """A signed difference of two rates, in percentage points without the unit: 0.015 -> "+1.5"."""
    return _signed(f"{100 * fraction:+z.{digits}f}")


def number(value: float, digits: int = 3) -> str:
    """Plain decimals, wide numbers with fewer of them: 0.4123 -> "0.412", 12.34 -> "12.34", 8318.2 -> "8,318"."""
    if not math.isfinite(value):
        return "not finite"
    size = abs(value)
    if size >= 1000:
        return _signed(f"{value:,.0f}")
    if 0 < size < 10**-digits:
        return rate(value)
    return _signed(f"{value:.{max(0, digits - max(0, len(str(int(size))) - 1))}f}")


def rate(value: float) -> str:
    """Engineering notation as on the charts: 0.000125 -> "125e-6", 0.01 -> "0.01"."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "not finite"
    if abs(float(f"{value:.2e}")) >= 1e-3:  # rounded first: 0.00099996 is 0.001, not "1e+03e-6"
        return _signed(f"{value:.4g}")
    mantissa, _, power = f"{value:.2e}".partition("e")
    exponent = 3 * (int(power) // 3)
    return _signed(f"{float(mantissa) * 10 ** (int(power) - exponent):.3g}e{exponent}")


def count(value: int) -> str:
    """12480 -> "12,480"."""
    return f"{value:,d}"


def plural(amount: int, noun: str) -> str:
    """plural(3, "seed") -> "3 seeds"."""
    return f"{count(amount)} {noun}" + ("" if amount == 1 else "s")


def duration(seconds: float) -> str:
    """Seconds to what a person would say: 42 -> "42 s", 1330 -> "22 min", 7500 -> "2 h 05 min"."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def clock(unix_s: float, seconds: bool = False) -> str:
    """Local time of day: "10:17", with seconds "10:17:04"."""
    return time.strftime("%H:%M:%S" if seconds else "%H:%M", time.localtime(unix_s))


def day(unix_s: float, now_s: float) -> str:
    """When something last changed: "today 09:12", "yesterday", "19 Nov"."""
    then, now = time.localtime(unix_s), time.localtime(now_s)
    if then[:3] == now[:3]:
        return "today " + clock(unix_s)
    if time.localtime(now_s - 86_400)[:3] == then[:3]:
        return "yesterday"
    return f"{then.tm_mday} {time.strftime('%b', then)}" + ("" if then.tm_year == now.tm_year else f" {then.tm_year}")


def size(bytes_: float) -> str:
    """Bytes in binary units: 92274688 -> "88 MiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if bytes_ < 1024 or unit == "GiB":
            return f"{bytes_:.0f} {unit}" if bytes_ >= 10 or unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= 1024
    raise AssertionError("unreachable")


def p_value(p: float) -> str:
    """ "p = 0.036", never "p = 0.000"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
