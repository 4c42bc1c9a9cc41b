"""Many applications as a gymnasium.vector.VectorEnv."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from conftest import EPISODE_STEPS
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from duoloop_gym import DuoloopEnv, DuoloopVectorEnv

TERMS = ("cost", "violation", "churn")


def actions_of(env: DuoloopVectorEnv, step: int) -> np.ndarray:
    return np.random.default_rng(step).integers(env.single_action_space.nvec, size=(env.num_envs, 2))


def test_spaces_and_types(vector_env: DuoloopVectorEnv) -> None:
    assert vector_env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, _ = vector_env.reset(seed=1)
    assert observations in vector_env.observation_space
    vector_env.action_space.seed(1)
    observations, rewards, terminations, truncations, _ = vector_env.step(vector_env.action_space.sample())
    assert observations in vector_env.observation_space
    assert (rewards.shape, rewards.dtype) == ((3,), np.float32)
    for flags in (terminations, truncations):
        assert (flags.shape, flags.dtype, flags.any()) == ((3,), np.bool_, False)
    assert len(np.unique(observations, axis=0)) == 3, "the lanes are copies of each other"


def test_autoreset_in_the_same_step(vector_env: DuoloopVectorEnv) -> None:
    vector_env.reset(seed=1)
    for step in range(EPISODE_STEPS - 1):
        assert not any(name.startswith("final") for name in vector_env.step(actions_of(vector_env, step))[4])
    observations, _, terminations, truncations, infos = vector_env.step(actions_of(vector_env, 99))
    assert truncations.all() and not terminations.any()
    assert infos["_final_obs"].all() and infos["_final_info"].all()
    for lane, final in enumerate(infos["final_obs"]):
        assert final in vector_env.single_observation_space
        assert not np.array_equal(final, observations[lane])
    for term in TERMS:
        assert infos[f"_{term}"].all()
        np.testing.assert_array_equal(infos["final_info"][term], infos[term])
    # No step is lost between two episodes.
    assert not vector_env.step(actions_of(vector_env, 100))[3].any()


def test_does_what_gymnasium_makes_of_single_environments(env: DuoloopEnv) -> None:
    """The same lane in Gymnasium's own vector environment: observations, infos and all are in the same form."""
    ours = DuoloopVectorEnv(1, "frontend", episode_steps=EPISODE_STEPS)
    theirs = SyncVectorEnv(
        [lambda: DuoloopEnv("frontend", episode_steps=EPISODE_STEPS)], autoreset_mode=AutoresetMode.SAME_STEP
    )
    np.testing.assert_array_equal(ours.reset(seed=4)[0], theirs.reset(seed=4)[0])
    endings = 0
    for step in range(2 * EPISODE_STEPS + 3):
        action = actions_of(ours, step)
        (*ours_values, ours_infos), (*their_values, their_infos) = ours.step(action), theirs.step(action)
        for one, other in zip(ours_values, their_values, strict=True):
            np.testing.assert_array_equal(one, other)
        assert ("final_obs" in ours_infos) == ("final_obs" in their_infos)
        if "final_obs" not in ours_infos:
            assert ours_infos.keys() == their_infos.keys()
            continue
        endings += 1
        assert ours_infos["final_obs"].dtype == their_infos["final_obs"].dtype
        np.testing.assert_array_equal(ours_infos["final_obs"][0], their_infos["final_obs"][0])
        np.testing.assert_array_equal(ours_infos["_final_obs"], their_infos["_final_obs"])
        for term in TERMS:
            assert ours_infos["final_info"][term] == pytest.approx(their_infos["final_info"][term])
    assert endings == 2
    ours.close()
    theirs.close()


def test_what_was_returned_is_not_overwritten(vector_env: DuoloopVectorEnv) -> None:
    kept = [vector_env.reset(seed=2)[0]]
    copies = [kept[0].copy()]
    for step in range(5):
        kept.append(vector_env.step(actions_of(vector_env, step))[0])
        copies.append(kept[-1].copy())
    np.testing.assert_array_equal(kept, copies)
    assert not any(np.shares_memory(a, b) for a, b in itertools.pairwise(kept))


def test_seed_determines_all_lanes(vector_env: DuoloopVectorEnv) -> None:
    def play(seed: int | None) -> np.ndarray:
        seen = [vector_env.reset(seed=seed)[0]]
        return np.array(seen + [vector_env.step(actions_of(vector_env, step))[0] for step in range(EPISODE_STEPS + 2)])

    one = play(6)
    unseeded = play(None)
    np.testing.assert_array_equal(play(6), one)
    np.testing.assert_array_equal(play(None), unseeded)
    assert not np.array_equal(play(None), unseeded)
    with pytest.raises(ValueError, match="one seed is for all lanes"):
        vector_env.reset(seed=[1, 2, 3])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="reset_mask"):
        vector_env.reset(options={"reset_mask": np.array([True, False, False])})


def test_gymnasium_s_wrappers_and_make_vec_work() -> None:
    made = gymnasium.make_vec("duoloop/Frontend-v0", num_envs=2, episode_steps=EPISODE_STEPS)
    assert isinstance(made.unwrapped, DuoloopVectorEnv)
    recorded = RecordEpisodeStatistics(made)
    recorded.reset(seed=1)
    total = np.zeros(2)
    for step in range(EPISODE_STEPS):
        _, rewards, _, _, infos = recorded.step(actions_of(made.unwrapped, step))
        total += rewards
    assert infos["episode"]["l"].tolist() == [EPISODE_STEPS] * 2
    np.testing.assert_allclose(infos["episode"]["r"], total, rtol=1e-5)
    recorded.close()
    assert made.unwrapped.server.closed


def test_example_of_the_documentation_works() -> None:
    documentation = Path(__file__).resolve().parents[3] / "docs" / "gymnasium.md"
    blocks = re.findall(r"```python\n(.*?)```", documentation.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "make_vec" in block]
    scope: dict[str, object] = {}
    exec(compile(example, str(documentation), "exec"), scope)
    assert scope["observations"].shape == (1024, 62)  # type: ignore[attr-defined]
