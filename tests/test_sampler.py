"""The sampler: each step against scipy, `transformers` or a plain loop; the decisions against every rounding."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labkit import lm
from labkit.errors import ParameterError
from labkit.lm import sampler
from labkit.lm.exact import decide
from labkit.lm.generate import uniform
from labkit.lm.sampler import Sampling

WARPERS = json.loads((Path(__file__).parent / "data" / "warpers" / "warpers.json").read_text(encoding="utf-8"))

logits_arrays = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-30, 30, width=32))
samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0, 0.05, 0.3, 1.0, 1.7, 5.0]),
    top_k=st.sampled_from([0, 1, 2, 5, 100]),
    top_p=st.sampled_from([1.0, 0.99, 0.9, 0.5, 0.01]),
    min_p=st.sampled_from([0.0, 0.01, 0.2, 1.0]),
    frequency_penalty=st.sampled_from([0.0, 0.7, -1.0]),
    presence_penalty=st.sampled_from([0.0, 0.4]),
    repetition_penalty=st.sampled_from([1.0, 1.5, 0.7]),
)
draws = st.floats(0, 1, exclude_max=True)


# --- against others ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(logits=logits_arrays)
def test_softmax_and_its_logarithm_are_scipys(logits):
    np.testing.assert_allclose(sampler.softmax(logits), scipy.special.softmax(logits), rtol=1e-12, atol=0)
    np.testing.assert_allclose(sampler.log_softmax(logits), scipy.special.log_softmax(logits), rtol=1e-12, atol=1e-12)


@settings(deadline=None)
@given(logits=logits_arrays)
def test_entropy_is_scipys(logits):
    probs = sampler.softmax(logits)
    assert sampler.entropy_bits(probs) == pytest.approx(scipy.stats.entropy(probs, base=2), abs=1e-9)
    assert sampler.effective_choices(probs) == pytest.approx(2 ** scipy.stats.entropy(probs, base=2), rel=1e-9)
    assert sampler.top_share(probs) == probs.max()


@pytest.mark.parametrize("case", WARPERS["cases"])
def test_the_whole_chain_gives_what_transformers_gives(case):
    seen = np.isin(np.arange(24), case["seen"])
    probs = sampler.next_probs(case["logits"], Sampling(**case["settings"]), seen=seen)
    np.testing.assert_allclose(probs, case["probs"], rtol=0, atol=1e-11)


@settings(deadline=None)
@given(
    logits=hnp.arrays(np.float64, 6, elements=st.floats(-30, 30)),
    counts=hnp.arrays(np.int64, 6, elements=st.integers(0, 5)),
    alpha_frequency=st.floats(-2, 2),
    alpha_presence=st.floats(-2, 2),
)
def test_penalties_follow_the_formula_in_openais_reference(logits, counts, alpha_frequency, alpha_presence):
    mu = [float(value) for value in logits]
    for j in range(6):
        mu[j] = mu[j] - int(counts[j]) * alpha_frequency - float(counts[j] > 0) * alpha_presence
    ours = sampler.apply_penalties(logits, counts, frequency=alpha_frequency, presence=alpha_presence)
    np.testing.assert_allclose(ours, mu, rtol=1e-12, atol=1e-12)


# --- properties -------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(logits=logits_arrays, sampling=samplings, data=st.data())
def test_every_stage_is_a_distribution_and_the_last_is_the_one_drawn_from(logits, sampling, data):
    counts = data.draw(hnp.arrays(np.int64, len(logits), elements=st.integers(0, 3)))
    stages = sampler.steps(logits, sampling, counts)
    assert list(stages) == ["model", "logit_bias", "penalties", "temperature", "top_k", "top_p", "min_p"]
    for probs in stages.values():
        assert probs.shape == logits.shape
        assert probs.min() >= 0
        assert probs.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_array_equal(stages["min_p"], sampler.next_probs(logits, sampling, counts))
    np.testing.assert_array_equal(stages["model"], sampler.softmax(logits))


@settings(deadline=None)
@given(logits=logits_arrays)
def test_the_defaults_change_nothing(logits):
    np.testing.assert_allclose(sampler.next_probs(logits, Sampling()), sampler.softmax(logits), rtol=1e-12)


@settings(deadline=None)
@given(logits=logits_arrays, temperature=st.floats(1e-6, 100))
def test_shifting_all_logits_changes_nothing(logits, temperature):
    shifted = sampler.next_probs(logits + 8, Sampling(temperature=temperature))
    np.testing.assert_allclose(shifted, sampler.next_probs(logits, Sampling(temperature=temperature)), atol=1e-6)


@settings(deadline=None)
@given(logits=logits_arrays)
def test_temperature_towards_zero_is_greedy_and_zero_takes_the_lowest_of_equals(logits):
    greedy = sampler.next_probs(logits, Sampling(temperature=0))
    assert greedy[np.argmax(logits)] == 1
    assert np.count_nonzero(greedy) == 1
    near = sampler.next_probs(logits, Sampling(temperature=1e-300))
    assert set(np.flatnonzero(near)) == set(np.flatnonzero(logits == logits.max()))


@settings(deadline=None)
@given(logits=logits_arrays)
def test_temperature_towards_infinity_makes_all_tokens_alike(logits):
    np.testing.assert_allclose(sampler.next_probs(logits, Sampling(temperature=1e9)), 1 / len(logits), rtol=1e-6)


@settings(deadline=None)
@given(logits=logits_arrays, temperatures=st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)))
def test_a_higher_temperature_is_never_less_uncertain(logits, temperatures):
    low, high = (sampler.next_probs(logits, Sampling(temperature=t)) for t in sorted(temperatures))
    assert sampler.entropy_bits(low) <= sampler.entropy_bits(high) + 1e-9
    assert sampler.top_share(low) >= sampler.top_share(high) - 1e-12


@settings(deadline=None)
@given(logits=logits_arrays, k=st.integers(1, 50))
def test_top_k_keeps_the_k_most_likely_in_their_proportions(logits, k):
    probs = sampler.softmax(logits)
    kept = sampler.keep_top_k(probs, k)
    chosen = np.flatnonzero(kept)
    best = sorted(range(len(probs)), key=lambda i: (-probs[i], i))[:k]
    assert set(chosen) == {i for i in best if probs[i] > 0}
    np.testing.assert_allclose(kept[chosen] * probs[chosen].sum(), probs[chosen], rtol=1e-9)


@settings(deadline=None)
@given(logits=logits_arrays, p=st.floats(0.001, 0.999))
def test_top_p_keeps_the_fewest_that_reach_p(logits, p):
    probs = sampler.softmax(logits)
    chosen = np.flatnonzero(sampler.keep_top_p(probs, p))
    assert probs[chosen].sum() >= p - 1e-9
    assert probs[chosen].sum() - probs[chosen].min() < p + 1e-9
    left_out = np.setdiff1d(np.arange(len(probs)), chosen)
    assert not len(left_out) or probs[left_out].max() <= probs[chosen].min()


def test_top_p_example_of_its_docstring_in_any_order():
    # 0.5 alone does not reach 0.6; with 0.3 it does; so two are kept, whatever their ids.
    np.testing.assert_allclose(sampler.keep_top_p([0.2, 0.3, 0.5], 0.6), [0, 0.375, 0.625])
    np.testing.assert_allclose(sampler.keep_top_p([0.25] * 4, 0.5), [0.5, 0.5, 0, 0])


@settings(deadline=None)
@given(logits=logits_arrays, min_p=st.floats(0, 1))
def test_min_p_keeps_what_is_near_enough_to_the_best(logits, min_p):
    probs = sampler.softmax(logits)
    kept = sampler.keep_min_p(probs, min_p)
    assert [bool(x) for x in kept] == [x > 0 and x >= min_p * max(probs) for x in probs]


def test_draws_on_an_even_grid_share_out_as_the_probabilities_say():
    probs = np.array([0.1, 0.0, 0.25, 0.65])
    tokens = [sampler.draw(probs, (i + 0.5) / 1000) for i in range(1000)]
    assert np.bincount(tokens, minlength=4).tolist() == [100, 0, 250, 650]


@settings(deadline=None)
@given(logits=logits_arrays, u=draws)
def test_a_token_of_probability_zero_is_never_drawn(logits, u):
    probs = sampler.keep_top_k(sampler.softmax(logits), 3)
    assert probs[sampler.draw(probs, u)] > 0


def test_the_largest_draw_below_one_is_a_token():
    for size in (1, 3, 10, 4096):
        assert sampler.draw(np.full(size, 1 / size), 1 - 2**-53) == size - 1


def test_a_bias_of_100_forces_and_of_minus_100_bans():
    logits = np.array([3.0, 1.0, -5.0])
    assert sampler.next_probs(logits, Sampling(logit_bias={2: 100}))[2] == pytest.approx(1)
    assert sampler.next_probs(logits, Sampling(logit_bias={0: -100}))[0] < 1e-40
    assert sampler.next_probs(logits, Sampling(ban=frozenset({0})))[0] == 0


def test_repetition_penalty_falls_on_tokens_seen_and_the_others_on_tokens_written():
    logits, written, seen = np.array([2.0, 2.0, 2.0]), [0, 1, 0], [True, True, False]
    both = Sampling(repetition_penalty=2, frequency_penalty=0.5)
    np.testing.assert_allclose(sampler.adjusted(logits, both, written, seen), [1, 0.5, 2])


def test_inputs_are_left_as_they_were():
    logits = np.array([1.0, 2.0, 3.0])
    everything = Sampling(0.5, 2, 0.9, 0.1, 0.5, 0.5, 1.2, {0: 1.0}, frozenset({2}))
    counts = np.array([1.0, 0.0, 2.0])
    sampler.steps(logits, everything, counts)
    decide(logits, everything, 0.5, error=1e-3, counts=counts)
    assert logits.tolist() == [1, 2, 3]
    assert counts.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("field", "values", "right"),
    [
        ("temperature", [-0.1, math.nan, math.inf, "1", None, True], "0 or more"),
        ("top_k", [-1, 1.5, True, "3"], "a whole number, 0 for all"),
        ("top_p", [0, -0.1, 1.01, math.nan, None], "above 0 and at most 1"),
        ("min_p", [-0.1, 1.1, math.nan], "from 0 to 1"),
        ("frequency_penalty", [math.nan, math.inf, "a"], "number: any"),
        ("presence_penalty", [math.nan, None], "number: any"),
        ("repetition_penalty", [0, -1, math.nan], "above 0"),
        ("logit_bias", [{1: 101}, {1: -101}, {1: math.nan}, {1: "x"}], "-100 to 100"),
        ("logit_bias", [{"1": 5}, {None: 5}], "whole numbers as keys"),
    ],
)
def test_a_setting_out_of_range_is_named_with_what_would_be_right(field, values, right):
    for value in values:
        with pytest.raises(ParameterError, match=right) as caught:
            Sampling(**{field: value})
        assert caught.value.where.startswith(field)


def test_banning_everything_or_a_token_that_does_not_exist_is_refused():
    with pytest.raises(ParameterError, match="every token is banned"):
        sampler.next_probs([1.0, 2.0], Sampling(ban=frozenset({0, 1})))
    with pytest.raises(ParameterError, match=r"no token has the id 7\. Ids go from 0 to 1"):
        sampler.next_probs([1.0, 2.0], Sampling(logit_bias={7: 1}))


# --- decisions that rounding cannot change ----------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(logits=logits_arrays, sampling=samplings, u=draws)
def test_a_decision_is_the_draw_from_the_distribution(logits, sampling, u):
    counts = np.arange(len(logits)) % 3
    expected = sampler.draw(sampler.next_probs(logits, sampling, counts), u)
    assert decide(logits, sampling, u, counts=counts) == (expected, True)
    assert decide(logits, sampling, u, counts=counts, error=1e-5)[0] == expected


@settings(max_examples=250, deadline=None)
@given(
    sampling=samplings,
    size=st.integers(2, 30),
    error=st.sampled_from([1e-3, 1e-2, 0.1]),
    u=draws,
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_a_decision_called_certain_survives_any_error_within_the_bound(sampling, size, error, u, seed, data):
    # Logits on a coarse grid make ties and near ties common; the errors try the corners, where shifts are largest.
    rng = np.random.default_rng(seed)
    logits = rng.integers(-6, 6, size) * data.draw(st.sampled_from([0.5, 1.0, error, 3 * error]))
    counts = rng.integers(0, 3, size)
    seen = counts > 0
    token, certain = decide(logits, sampling, u, error=error, counts=counts, seen=seen)
    assume(certain)
    corners = [np.where(np.arange(size) <= token, 1, -1), np.where(np.arange(size) < token, 1, -1)]
    corners += [-corner for corner in corners] + [rng.choice([-1, 1], size) for _ in range(12)]
    corners += [rng.uniform(-1, 1, size) for _ in range(4)]
    for corner in corners:
        moved = logits + 0.999 * error * corner
        assert decide(moved, sampling, u, counts=counts, seen=seen)[0] == token


@settings(max_examples=200, deadline=None)
@given(logits=logits_arrays, data=st.data())
def test_a_draw_on_the_border_between_two_tokens_is_called_uncertain(logits, data):
    temperature = data.draw(st.sampled_from([0.3, 1.0, 2.0]))
    running = np.cumsum(sampler.next_probs(logits, Sampling(temperature=temperature)))
    border = float(data.draw(st.sampled_from(list(running))))
    assume(0.01 < border < 0.99)  # the odds decide how far a border may move
    for offset in (-1e-9, 0, 1e-9):
        assert not decide(logits, Sampling(temperature=temperature), border + offset, error=1e-5)[1]


def test_near_ties_are_called_uncertain():
    assert not decide([1.0, 1.00001, 0.0], Sampling(temperature=0), 0.5, error=1e-5)[1]
    assert decide([1.0, 1.1, 0.0], Sampling(temperature=0), 0.5, error=1e-5) == (1, True)
    tied = [2.0, 1.0, 1.00001, 0.0]
    assert not decide(tied, Sampling(top_k=2), 0.99, error=1e-5)[1]  # the second place is disputed
    assert decide(tied, Sampling(top_k=2), 0.01, error=1e-5) == (0, True)
    at_edge = np.log([0.6, 0.3, 0.1])
    assert not decide(at_edge, Sampling(top_p=0.6), 0.7, error=1e-5)[1]
    assert not decide(at_edge, Sampling(min_p=0.5), 0.7, error=1e-5)[1]
    assert decide(at_edge, Sampling(min_p=0.4), 0.7, error=1e-5) == (1, True)


def test_most_decisions_are_certain_at_the_error_of_float32():
    rng = np.random.default_rng(5)
    for sampling in (Sampling(temperature=0), Sampling(), Sampling(0.7, 50, 0.9, 0.02)):
        logits = rng.standard_normal((200, 4096)) * 4
        certain = [decide(row, sampling, rng.random(), error=1e-4)[1] for row in logits]
        assert np.mean(certain) > 0.85


# --- the model's own distribution -------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.5])
def test_500_samples_of_one_token_agree_with_the_scaled_softmax(temperature):
    model = lm.load("lab-chat")
    ids = lm.chat_ids(model.tokenizer, [{"role": "user", "content": "Pick a random colour."}])
    expected = 500 * scipy.special.softmax(model.model.logits(ids)[-1] / temperature)
    counts = np.zeros(model.tokenizer.vocab_size)
    # An answer may be empty: then the token drawn was one that ends the turn, and no token id is reported.
    pieces = list(model.generate(ids, Sampling(temperature=temperature), n=500, max_tokens=1, key=b"500 samples"))
    assert len(pieces) == 500
    for piece in pieces:
        for id in piece.token_ids:
            counts[id] += 1
    ends = [model.tokenizer.special[name] for name in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")]
    common = np.setdiff1d(np.flatnonzero(expected >= 5), ends)
    observed = np.append(counts[common], 500 - counts[common].sum())
    theory = np.append(expected[common], 500 - expected[common].sum())
    if theory[-1] < 5:  # too few for a class of their own
        observed, theory = observed[:-1], theory[:-1] * observed[:-1].sum() / theory[:-1].sum()
    assert len(common) >= 2
    assert scipy.stats.chisquare(observed, theory).pvalue > 0.01


def test_the_draws_of_many_steps_are_uniform_and_independent():
    values = np.array([[uniform(b"key", choice, step) for step in range(200)] for choice in range(50)])
    assert 0 <= values.min() < values.max() < 1
    assert scipy.stats.kstest(values.ravel(), "uniform").pvalue > 0.01
    assert abs(np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1]) < 0.04
    assert abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < 0.04


def test_the_draws_are_the_same_on_every_platform():
    # The first 53 bits of what `b2sum -l 64` of coreutils says of choice and step, 8 bytes each, then key.
    assert uniform(b"", 0, 0).hex() == "0x1.4942941fe651cp-2"
    assert uniform(b"lab", 3, 14).hex() == "0x1.614ceceeb78d4p-2"
