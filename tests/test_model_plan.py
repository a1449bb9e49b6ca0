"""Plans and the sampler: the tables of every family's fixtures, and the arithmetic of a step by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from reference import REFERENCE, reference

from model import plan
from model.sampler import guide, renoise, sample


def test_tables_are_the_official_ones_to_the_last_bit():
    tensors = pytest.importorskip("safetensors.numpy").load_file(
        reference("matrix_game_2", "golden_transformer.safetensors")
    )
    assert np.array_equal(plan.sigma_table(5.0), tensors["out.sigmas"])
    assert np.array_equal(plan.timestep_table(5.0), tensors["out.timesteps"])


@pytest.mark.parametrize("variant", ["", "_gta_drive", "_templerun"])
def test_warped_steps_of_matrix_game(variant):
    rollout = json.loads(reference("matrix_game_2", f"golden_transformer{variant}.json").read_text())["rollout"]
    steps = plan.warped(rollout["denoising_step_list_raw"], rollout["timestep_shift"])
    assert steps == tuple(rollout["denoising_step_list_warped"])


def test_warped_steps_of_longlive_and_self_forcing():
    notes = json.loads(reference("gamecraft_2", "golden_longlive.json").read_text())
    steps = plan.warped(notes["denoising_steps_before_warp"], notes["timestep_shift"])
    for case in notes["cases"].values():
        assert steps == tuple(case["denoising_step_list"])


@pytest.mark.parametrize(
    "family, key", [("worldplay", "scheduler_tables"), ("gamecraft_1", "schedules")], ids=["worldplay", "gamecraft_1"]
)
def test_euler_schedules(family, key):
    tables = json.loads(reference(family, "golden_transformer.json").read_text())[key]
    for name, table in tables.items():
        numbers = [int(part.removeprefix("shift").removeprefix("steps")) for part in name.split("_")]
        steps, shift = sorted(numbers, key=lambda n: n != len(table["timesteps"]))
        made = plan.euler(steps, float(shift))
        assert [step.timestep for step in made.steps] == pytest.approx(table["timesteps"], abs=2e-4), name
        assert [step.sigma for step in made.steps] == pytest.approx(table["sigmas"][:-1], abs=1e-7), name
        assert made.steps[-1].next_sigma == table["sigmas"][-1] == 0


def test_a_fixed_list_is_followed_by_euler():
    notes = json.loads(reference("worldplay", "golden_wan.json").read_text())
    listed = notes["rollout"]["timesteps"][:-1]
    made = plan.euler_list(listed, commit_timestep=14.0)
    assert [step.timestep for step in made.steps] == listed and made.commit_timestep == 14.0
    assert made.steps[0].next_sigma == made.steps[1].sigma


def test_experts_split_at_the_boundary_and_both_commit():
    made = plan.with_experts(plan.few_step(plan.warped((1000, 750, 500, 250), 5.0), 5.0), 0.9, "high", "low")
    assert [step.network for step in made.steps] == ["high", "high", "low", "low"]
    assert made.commits == ("high", "low")
    # The split of the official two-expert sampler at its own timesteps.
    assert REFERENCE.exists() or pytest.skip("the reference fixtures are not beside the checkout")
    sampling = json.loads(reference("gamecraft_2", "golden_wan22.json").read_text())["sampling"]
    listed = [999.0, 961.0, 908.0, 833.0, 713.0, 499.0]
    split = plan.with_experts(plan.euler_list(listed), sampling["boundary"], "high", "low", guidance=(3.5, 2.5))
    assert [step.network for step in split.steps] == ["high"] * 3 + ["low"] * 3
    assert [step.guidance for step in split.steps] == [2.5] * 3 + [3.5] * 3


def test_nearest_level_of_zero_is_the_smallest():
    assert plan.nearest_sigma(0.0, 5.0) == pytest.approx(0.00498, abs=1e-5)


def test_renoise_ends():
    assert renoise(3.0, 7.0, 0.0) == 3.0 and renoise(3.0, 7.0, 1.0) == 7.0


def test_sampler_renoises_between_levels():
    asked, noises = [], iter([2.0, 3.0])

    def predict(x, step, row):
        asked.append((x, step.sigma, row))
        return 10.0 * step.sigma

    made = plan.renoise_levels((1.0, 0.5, 0.25))
    assert sample(made, predict, 1.0, lambda: next(noises)) == 2.5
    expected = [(1.0, 1.0), (0.5 * 10 + 0.5 * 2, 0.5), (0.75 * 5 + 0.25 * 3, 0.25)]
    assert asked == [(x, sigma, "conditional") for x, sigma in expected]
    assert next(noises, None) is None


def test_euler_follows_the_flow():
    """Along a straight path from noise to data, any number of steps arrives."""
    data, noise = 2.0, -1.5
    for steps in (1, 4):
        seen = []
        result = sample(plan.euler(steps, 3.0), lambda x, step, row, seen=seen: seen.append(x) or data, noise, None)
        assert result == data
        sigmas = [step.sigma for step in plan.euler(steps, 3.0).steps]
        assert seen == pytest.approx([(1 - s) * data + s * noise for s in sigmas])


def test_guidance_takes_two_rows():
    made = plan.euler(2, 1.0, guidance=6.0)
    rows = []
    sample(made, lambda x, step, row: rows.append(row) or {"unconditional": 1.0, "conditional": 2.0}[row], 0.0, None)
    assert rows == ["unconditional", "conditional"] * 2
    assert guide([1.0, 2.0], 6.0) == 7.0 and guide([5.0], 1.0) == 5.0


@pytest.mark.parametrize("shift", [1.1, 3.0, 4.2, 5.0, 8.6])
def test_tables_round_as_torch_does(shift):
    """Shifts that are no binary fractions: one last bit at timestep 1000 is three times the tolerance of a fixture."""
    torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    u = torch.linspace(1, 0, 1001)[:-1]
    sigmas = shift * u / (1 + (shift - 1) * u)
    assert np.array_equal(plan.sigma_table(shift), sigmas.numpy())
    assert np.array_equal(plan.timestep_table(shift), (sigmas * 1000).numpy())
