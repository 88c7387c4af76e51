"""How `motorium eval` shows its results: scenes as they end, one rate, two rates of the same scenes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ._print import echo
from ._verb import print_json, print_table

if TYPE_CHECKING:
    from ..evaluation.evaluate import EpisodeResult
    from ..evaluation.results import Outcomes

WORDS: dict[str, Callable[[Any], str]] = {
    "engine": lambda value: f"engine {value}",
    "precision": str,
    "latency_s": lambda value: f"{value * 1e3:g} ms per inference",
    "latency_drawn": lambda _value: "drawn latency",
    "age_s": lambda value: f"observations {value * 1e3:g} ms old",
    "injected_latency_s": lambda value: f"{value * 1e3:g} ms injected",
    "uac": lambda _value: "without UAC",
    "corrupt": lambda value: f"corrupt {', '.join(value)}",
    "steps": lambda value: f"{value} flow steps",
}


def in_words(unusual: Mapping[str, Any]) -> str:
    """Return settings that are not as usual in words; "as usual" where there are none."""
    return "; ".join(WORDS[name](value) for name, value in unusual.items()) or "as usual"


def show_episode(result: EpisodeResult) -> None:
    """Print the line of a scene."""
    mark = "success" if result.success else "failed"
    told = f"  (told: {result.told})" if result.told else ""
    echo(f"scene {result.seed:>6}  {mark}  {result.time_s:5.1f} s  {result.instruction}{told}")


def show_figures(figures: Mapping[str, Any], outcomes: Outcomes) -> None:
    """Print the totals of one evaluation."""
    low, high = figures["wilson95"]
    count, seed = figures["episodes"], figures["seed"]
    rows = [
        ["successes", f"{figures['successes']} of {count}  ({figures['success_rate']:.1%})"],
        ["95 % interval", f"{low:.1%} to {high:.1%}"],
        ["wrong cube in tray", figures["wrong_cube"]],
    ]
    if outcomes.unusual:
        rows.append(["settings", in_words(outcomes.unusual)])
    if figures.get("unlike"):
        unlike = ", ".join(f"{role} {value:.2f}" for role, value in figures["unlike"].items())
        rows.append(["pictures", f"{unlike}  (from 1 on, less like training than 99 of 100 of its frames)"])
    if figures["shortfalls"]:
        rows.append(
            [
                "too slow to bridge",
                f"{figures['shortfalls']} plans outlast the committed rows: run it with --sync",
            ]
        )
    print_table(["eval", f"{figures['robot']}, {figures['task']}, scenes {seed}..{seed + count - 1}"], rows)


def show_comparison(first: Outcomes, second: Outcomes, *, as_json: bool) -> None:
    """Print two evaluations of the same scenes and what is said of their difference; DataError for other scenes."""
    from ..evaluation.proportions import wilson
    from ..evaluation.results import compare, comparison

    pairs = compare(first, second)
    said = comparison(pairs)
    if as_json:
        print_json({"first": first.as_dict(), "second": second.as_dict(), "comparison": said})
        return
    both = (first, second)
    intervals = [wilson(one.good, one.count) for one in both]
    scenes = first.scenes
    print_table(
        [f"scenes {scenes['seed']}..{scenes['seed'] + first.count - 1}", "first", "second"],
        [
            ["checkpoint", *(one.checkpoint for one in both)],
            ["settings", *(in_words(one.unusual) for one in both)],
            ["successes", *(f"{one.good} of {one.count}  ({one.good / one.count:.1%})" for one in both)],
            ["95 % interval (Wilson)", *(f"{low:.1%} to {high:.1%}" for low, high in intervals)],
            ["it alone succeeded in", pairs.first, pairs.second],
        ],
    )
    low, high = said["newcombe95"]
    echo(
        "",
        f"first - second: {100 * pairs.difference:+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f} "
        "(paired, Newcombe 1998, method 10)",
        f"McNemar, exact: p = {said['mcnemar_p']:.3g}",
    )
