"""The models by name: which there are, each file damaged in turn, the card, a provider whose model is missing."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import facts, lm
from labkit.errors import ModelFileError
from labkit.lm.exact import decide, decide_rows
from labkit.lm.files import PARTS, RESTORE, read_safetensors, read_sums
from labkit.lm.sampler import Sampling, apply_logit_bias
from labkit.sim import LocalServer

SHIPPED = Path(lm.__file__).parent / "weights"


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights as it ships, with a copy of lab-chat in it, where the lab looks for its own."""
    shutil.copytree(SHIPPED / "lab-chat", tmp_path / "weights" / "lab-chat")
    monkeypatch.delenv("LAB_WEIGHTS", raising=False)
    monkeypatch.setattr(lm, "weights_folder", lambda: tmp_path / "weights")
    return tmp_path / "weights"


def signed(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(sums))


def test_every_shipped_model_is_of_the_family_and_signed_file_by_file():
    assert "lab-chat" in lm.names()
    assert set(lm.names()) <= set(lm.FAMILY)
    for name in lm.names():
        assert set(PARTS) <= set(read_sums(SHIPPED / name / "SHA256SUMS"))
        assert (SHIPPED / name / "model.safetensors").stat().st_size <= 12_200_000


@pytest.mark.parametrize("name", ["lab-coder", "lab-reasoner"])
def test_a_specialist_is_lab_chat_but_for_the_upper_three_layers(name):
    chat, own = (read_safetensors(SHIPPED / model / "model.safetensors") for model in ("lab-chat", name))
    other = {tensor for tensor in chat if chat[tensor].tobytes() != own[tensor].tobytes()}
    upper = ("model.layers.3.", "model.layers.4.", "model.layers.5.", "model.norm.")
    assert {tensor for tensor in chat if tensor.startswith(upper) and chat[tensor].ndim == 2} <= other
    assert {tensor for tensor in other if not tensor.startswith(upper)} == set()


def test_names_are_those_of_the_folders(family):
    (family / "lab-mini").mkdir()
    (family / ".cache").mkdir()
    (family / "notes.txt").write_text("")
    assert lm.names() == ["lab-chat", "lab-mini"]


def test_a_model_of_the_family_that_is_not_there_is_a_sentence_with_those_that_are(family):
    with pytest.raises(ModelFileError) as caught:
        lm.load("lab-coder")
    said = str(caught.value)
    assert said.startswith(f"{family}: the lab's model 'lab-coder' (better at Python")
    assert "There are: lab-chat." in said
    assert RESTORE in said


def names_of_files() -> list[str]:
    return sorted(path.name for path in (SHIPPED / "lab-chat").iterdir() if path.name != "README.md")


@pytest.mark.parametrize("name", names_of_files())
def test_each_file_damaged_missing_or_empty_is_named_in_a_sentence(family, name):
    path = family / "lab-chat" / name
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", bytes([whole[0] ^ 1]) + whole[1:]):
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=name.replace(".", r"\.")) as caught:
            lm.load("lab-chat")
        assert RESTORE in str(caught.value)
    path.unlink()
    with pytest.raises(ModelFileError, match=rf"{name}: this file of the model is missing"):
        lm.load("lab-chat")


def test_a_file_of_another_model_is_said_to_be_that_models(family):
    other = family / "lab-mini"
    shutil.copytree(family / "lab-chat", other)
    config = (other / "config.json").read_text()
    (other / "config.json").write_text(config + "\n")
    signed(other)
    shutil.copyfile(other / "config.json", family / "lab-chat" / "config.json")
    with pytest.raises(ModelFileError, match=r"config\.json: .*exchanged: it is the config\.json of lab-mini"):
        lm.load("lab-chat")


def test_checksums_that_leave_a_part_out_are_not_enough(family):
    sums = family / "lab-chat" / "SHA256SUMS"
    sums.write_text("".join(line + "\n" for line in sums.read_text().splitlines() if "config.json" not in line))
    with pytest.raises(ModelFileError, match=r"SHA256SUMS: it has no checksum for config\.json"):
        lm.load("lab-chat")


def test_the_card_is_the_text_beside_the_weights_and_its_absence_a_sentence(family):
    (family / "lab-chat" / "README.md").unlink(missing_ok=True)
    with pytest.raises(ModelFileError, match=r"README\.md: this file of the model is missing"):
        lm.card("lab-chat")
    (family / "lab-chat" / "README.md").write_text("# lab-chat\n", encoding="utf-8")
    assert lm.card("lab-chat") == "# lab-chat\n"
    with pytest.raises(ModelFileError, match="There are: lab-chat"):
        lm.card("lab-coder")


def test_a_provider_whose_model_is_not_there_answers_500_and_the_others_go_on(family):
    known = facts.load()
    provider = known["lab"]
    chat = provider.model("chat")
    changed = chat.model_copy(update={"spoken_by": "lab-coder"})
    absent = provider.model_copy(update={"models": {**provider.models, chat.id: changed}})
    everyone = type(known)({**known, "lab": absent}, known.moment)
    with LocalServer(everyone) as server, httpx.Client(timeout=60, trust_env=False) as http:

        def ask(name: str) -> httpx.Response:
            one = server.facts[name]
            body = {"model": one.model("chat").id, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}
            headers = {"Authorization": f"Bearer {one.key.local}"}
            return http.post(server.provider_url(name) + "/chat/completions", json=body, headers=headers)

        failed = ask("lab")
        assert failed.status_code == 500
        assert "the lab's model 'lab-coder'" in failed.headers["x-lab-note"]
        assert "There are: lab-chat" in failed.headers["x-lab-note"]
        assert ask("openai").status_code == 200


# --- the quick look at all rows --------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_the_quick_look_calls_certain_is_what_the_careful_one_decides(data):
    seed, width = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.sampled_from([2, 63, 64, 263, 1000]))
    temperature = data.draw(st.sampled_from([0.0, 1e-6, 0.05, 0.7, 1.0, 2.0, 50.0]))
    rng = np.random.default_rng(seed)
    logits = (rng.standard_normal((3, width)) * data.draw(st.sampled_from([0.0, 0.01, 3.0, 60.0]))).astype(np.float32)
    logits[rng.random((3, width)) < 0.2] = -np.inf
    logits[:, seed % width] = 1.0
    us = [data.draw(st.floats(0, 1, exclude_max=True)) for _ in range(3)]
    sampling, error = Sampling(temperature), 4e-4
    tokens, certain = decide_rows(logits.copy(), sampling, us, error)
    for row, u in enumerate(us):
        if not certain[row]:
            continue
        assert tokens[row] == decide(logits[row], sampling, u)[0]
        shaken = logits[row] + rng.uniform(-error, error, width)
        assert tokens[row] == decide(shaken, sampling, u)[0]


def test_the_quick_look_is_certain_of_nearly_everything_plain_and_of_nothing_else():
    rng = np.random.default_rng(5)
    logits = (rng.standard_normal((400, 1000)) * 6).astype(np.float32)
    us = rng.random(400).tolist()
    assert sum(decide_rows(logits, Sampling(0), us, 4e-4)[1]) > 390
    assert sum(decide_rows(logits, Sampling(1.0), us, 4e-4)[1]) > 300
    for cut in (Sampling(top_k=5), Sampling(top_p=0.9), Sampling(min_p=0.1)):
        assert not any(decide_rows(logits, cut, us, 4e-4)[1])
    nothing = np.full((1, 8), -np.inf, np.float32)
    for temperature in (0.0, 1.0):
        assert decide_rows(nothing, Sampling(temperature), [0.5], 4e-4)[1] == [False]
    tied = apply_logit_bias(np.zeros(8), {}).astype(np.float32)[None]
    assert decide_rows(tied, Sampling(0), [0.5], 4e-4)[1] == [False]
