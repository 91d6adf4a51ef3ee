"""What ``geartrain top`` looks like, at any size and with any names."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from geartrain.cli.top.columns import age, count, rate
from geartrain.cli.top.keys import Controls
from geartrain.cli.top.model import Frame, compare
from geartrain.cli.top.view import page, screen
from geartrain.roles.overview import FunctionInfo
from tests.cli.top.top_samples import frame, function, sample, worker

WIDE_NAME = "图像处理".encode()
LONG_NAME = b"resize_every_image_of_the_shop"
SIZES = [(80, 24), (200, 50), (40, 10), (20, 5), (10, 1), (300, 100)]


def printed(text: Text) -> list[str]:
    """The lines as a console without colours prints them."""
    console = Console(file=io.StringIO(), width=500, color_system=None)
    console.print(text, soft_wrap=True, end="")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().split("\n")


def draw(
    shown: Frame, controls: Controls | None = None, width: int = 80, height: int = 24, problem: str = ""
) -> list[str]:
    controls = controls or Controls("queued")
    return printed(screen(shown, controls, width, height, interval_seconds=1.0, problem=problem))


def line_of(lines: list[str], start: str) -> str:
    [line] = [line for line in lines if line.startswith(start)]
    return line


def busy_server() -> Frame:
    """A server at work: two functions, a rate, a queue, workers, and a name of each kind."""
    before = sample(function(b"reverse"), at_seconds=0.0)
    reverse = function(b"reverse", high=1, normal=20, low=300)._replace(
        running=2, workers=4, busy=2, asleep=1, oldest_seconds=75.0, submitted=1500, completed=1234, failed=3
    )
    functions = (reverse, function(LONG_NAME), function(WIDE_NAME * 10), function(b"\x1b[31m\xff"))
    return compare(before, sample(*functions, at_seconds=1.0, workers=(worker(1), worker(1), worker(0))))


# --- the whole screen -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("is_help", [False, True])
def test_a_screen_has_its_size(width: int, height: int, is_help: bool) -> None:
    """As many lines as the terminal has, none of them too wide; in the smallest one too."""
    controls = Controls("queued")
    controls.shows_help = is_help

    lines = draw(busy_server(), controls, width, height, problem="x" * 300)

    assert len(lines) == height
    assert max(cell_len(line) for line in lines) <= width


def test_a_screen_of_80_by_24_shows_all_that_matters() -> None:
    """Server, sums, columns in line with their headings, keys."""
    lines = draw(busy_server())

    assert lines[:10] == [
        "geartrain top  jobs.example.com:4730  version 1.2.3  3 connections     every 1 s",
        "jobs      321 queued      0 later   1500 in/s   1234 done/s    3.0 failed/s",
        "workers     2 busy        1 idle   █████████████░░░░░░░  67%      2 running",
        "",
        "                       ─ jobs per second ─ ────── jobs queued ────── ─ workers ─",
        "function                  in   done failed  high normal   low oldest  busy  idle",
        "reverse                 1500   1234    3.0     1     20   300  1m15s     2     1",
        r"\x1b[31m\xff               0      0      0     0      0     0      -     0     0",
        "resize_every_image_of…     0      0      0     0      0     0      -     0     0",
        "图像处理图像处理图像 …     0      0      0     0      0     0      -     0     0",
    ]
    assert lines[23] == "q quit  ? help  ←→ sort: queued ▼  r reverse  p pause  ↑↓ scroll     4 functions"


def test_a_screen_of_200_by_50_shows_every_column() -> None:
    """And names in full."""
    lines = draw(busy_server(), width=200, height=50)

    headings = "function in done failed again all high normal low later oldest running all busy idle"
    assert " ".join(lines[5].split()) == headings
    assert " ".join(line_of(lines, "reverse").split()) == (
        "reverse 1500 1234 3.0 0 321 1 20 300 0 1m15s 2 4 2 1"
    )
    assert line_of(lines, LONG_NAME.decode()).split()[1] == "0"


def test_columns_give_way_to_names_one_by_one() -> None:
    """Those that say least go first; jobs for later only go when there are none."""
    with_later = frame(function(LONG_NAME, later=1))
    without = frame(function(LONG_NAME))

    assert " running" not in draw(without, width=84)[5]
    assert " later" not in draw(without, width=80)[5]
    assert " later" in draw(with_later, width=80)[5]
    assert " running" in draw(without, width=100)[5]
    assert " running" in draw(frame(function(b"f")), width=84)[5]


def test_the_heading_of_the_sorted_column_stands_out() -> None:
    """Or that of its group, where the column itself has no room."""
    wide = screen(busy_server(), Controls("queued"), 200, 50, interval_seconds=1.0)
    narrow = screen(busy_server(), Controls("queued"), 80, 24, interval_seconds=1.0)

    assert underlined(wide) == ["all"]
    assert underlined(narrow) == ["jobs queued"]


def underlined(text: Text) -> list[str]:
    return [text.plain[span.start : span.end] for span in text.spans if "underline" in str(span.style)]


def test_jobs_without_a_worker_are_red() -> None:
    """Nobody will do them as things are."""
    shown = frame(function(b"alone", normal=1), function(b"served", normal=1)._replace(workers=1))
    text = screen(shown, Controls("queued"), 80, 24, interval_seconds=1.0)

    red = [text.plain[span.start : span.end].strip() for span in text.spans if str(span.style) == "bold red"]
    assert red == ["alone"]


def test_200_functions_are_scrolled_through() -> None:
    """The rows from the chosen one on, and where that is."""
    shown = frame(*[function(b"f%03d" % number) for number in range(200)])
    controls = Controls("function")
    controls.press("page down", page_rows=17, all_rows=200)

    lines = draw(shown, controls)

    assert [lines[6].split()[0], lines[22].split()[0]] == ["f017", "f033"]
    assert lines[23].endswith("  18-34 of 200")


def test_the_last_page_stays_full_when_functions_go() -> None:
    """Functions were dropped while one looked at the last ones."""
    controls = Controls("function")
    controls.press("end", page_rows=17, all_rows=200)

    lines = draw(frame(*[function(b"f%03d" % number) for number in range(20)]), controls)

    assert lines[6].startswith("f003")
    assert lines[22].startswith("f019")


def test_a_server_without_functions_is_shown() -> None:
    """With zeros, and without rows."""
    lines = draw(frame())

    assert lines[6] == "No functions yet."
    assert lines[1].startswith("jobs        0 queued      0 later      0 in/s")


def test_the_c_server_shows_what_it_knows() -> None:
    """Dashes for the rest, and a word why."""
    status = FunctionInfo(b"reverse", 7, 0, 7, 0, running=1, workers=2)

    lines = draw(compare(None, sample(status, workers=(worker(None), worker(None)))))

    assert lines[3] == "This server counts no jobs and tells no ages: what is not known is shown as -."
    assert line_of(lines, "reverse").split()[1:4] == ["-", "-", "-"]
    assert lines[2].startswith("workers     1 busy        1 idle")


def test_problems_and_pauses_are_told() -> None:
    """A problem first: the screen is not only paused then."""
    controls = Controls("queued")
    controls.is_paused = True

    assert draw(frame(), controls)[3] == "Paused: press p to go on."
    assert draw(frame(), controls)[0].endswith("paused")
    assert draw(frame(), controls, problem="the server is gone")[3] == "the server is gone"


def test_the_help_names_keys_and_columns() -> None:
    """In the place of the rows, complete on the smallest usual terminal."""
    controls = Controls("queued")
    controls.shows_help = True

    lines = draw(busy_server(), controls)

    assert "  q     quit, as Ctrl-C does" in lines
    assert any(line.startswith("  busy, idle ") for line in lines)
    assert not any(line.startswith("reverse ") for line in lines)


# --- on paper -------------------------------------------------------------------------------------------


def test_a_printout_cuts_nothing() -> None:
    """Every function, every column and every name in full, without keys and blanks at the ends."""
    shown = frame(*[function(b"f%03d" % number) for number in range(60)], function(LONG_NAME * 4))

    lines = printed(page(shown, Controls("function"), None, interval_seconds=1.0))

    assert len(lines) == 6 + 61
    assert line_of(lines, "resize").startswith((LONG_NAME * 4).decode() + "  ")
    assert [line for line in lines if line != line.rstrip()] == []
    assert "q quit" not in lines[-1]


def test_a_printout_on_a_terminal_keeps_to_its_width() -> None:
    """Names are cut there, rather than lines broken."""
    lines = printed(page(busy_server(), Controls("queued"), 80, interval_seconds=1.0))

    assert max(cell_len(line) for line in lines) <= 80


# --- numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, "-"),
        (0, "0"),
        (99_999, "99999"),
        (100_000, "100k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (12_345_678, "12.3M"),
        (10**15, "1.0P"),
        (2**64, "18.4E"),
    ],
)
def test_counts_have_at_most_five_characters(number: int | None, shown: str) -> None:
    """Whatever a server says."""
    assert count(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(None, "-"), (0.0, "0"), (0.01, "<0.1"), (0.25, "0.2"), (9.94, "9.9"), (9.95, "10"), (1e6, "1.0M")],
)
def test_rates_have_a_digit_behind_the_point_when_small(number: float | None, shown: str) -> None:
    """And little is told from nothing."""
    assert rate(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0.4, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (86399, "23h59m"),
        (86400 * 99, "99d00h"),
        (86400 * 400, "400d"),
    ],
)
def test_ages_have_at_most_six_characters(seconds: float | None, shown: str) -> None:
    """The two greatest units."""
    assert age(seconds) == shown
