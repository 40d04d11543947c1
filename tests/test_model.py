"""The forward pass against `transformers`; the files it is read from, whole and damaged."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import lm
from labkit.errors import ModelFileError, ParameterError
from labkit.lm import threads
from labkit.lm.exact import FLOAT32_ERROR
from labkit.lm.files import read_safetensors
from labkit.lm.model import Model, ModelConfig, _in_blocks, _Matrix, _product

DATA = Path(__file__).parent / "data"
TINY = DATA / "tiny_llama"
SHIPPED = Path(lm.__file__).parent / "weights" / "lab-chat"
RESTORE = r"Run `git checkout -- labkit/lm/weights`"


@pytest.fixture(scope="module", params=["tied", "grouped"])
def tiny(request: pytest.FixtureRequest) -> tuple[Model, np.ndarray, np.ndarray]:
    """A model, 32 ids and the logits `transformers` gives after each, (32, 40)."""
    frozen = np.load(TINY / request.param / "logits.npz")
    return Model.load(TINY / request.param), frozen["ids"].astype(int), frozen["logits"]


# `transformers` computes the rotary angles in float32 even in a float64 model; hence 5e-5 and not 1e-12.
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_are_those_of_transformers(tiny, dtype):
    model, ids, expected = tiny
    logits = model.logits(ids, dtype)
    assert logits.dtype == dtype
    np.testing.assert_allclose(logits, expected, rtol=0, atol=5e-5)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_reading_in_steps_of_any_size_gives_the_logits_of_reading_at_once(tiny, data):
    model, ids, _ = tiny
    cuts = sorted(data.draw(st.sets(st.integers(1, len(ids) - 1))))
    cache = model.cache(1, len(ids), np.float64)
    whole = model.logits(ids)
    for start, end in zip([0, *cuts], [*cuts, len(ids)], strict=True):
        logits = model.step(ids[None, start:end], cache)
        np.testing.assert_allclose(logits[0], whole[end - 1], rtol=0, atol=1e-11)
        assert cache.length == end


def test_rows_of_a_batch_do_not_see_each_other(tiny):
    model, ids, _ = tiny
    rows = np.stack([ids, ids[::-1], np.roll(ids, 5)])
    cache = model.cache(3, len(ids), np.float64)
    model.step(rows[:, :20], cache)
    together = model.step(rows[:, 20:], cache)
    for row, logits in zip(rows, together, strict=True):
        np.testing.assert_allclose(logits, model.logits(row)[-1], rtol=0, atol=1e-11)


@pytest.mark.parametrize("batch", [2, 3, 8, 17, 40])
def test_rows_of_the_shipped_model_give_what_each_gives_alone(batch):
    """Its matrices are cut into blocks for few rows; the tiny models above are too small for that."""
    model = Model.load(SHIPPED)
    ids = np.random.default_rng(batch).integers(0, model.config.vocab_size, (batch, 9))
    cache = model.cache(batch, 9, np.float64)
    model.step(ids[:, :8], cache)
    together = model.step(ids[:, 8:], cache)
    for row, logits in zip(ids[:3], together, strict=False):
        np.testing.assert_allclose(logits, model.logits(row)[-1], rtol=0, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(192, 4096), (192, 576), (512, 192), (192, 7), (5, 4099)])
def test_a_product_in_blocks_is_the_product(shape, dtype):
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal(shape).astype(dtype)
    cut = _Matrix(matrix)
    assert cut.blocks.shape[0] * cut.blocks.shape[2] == shape[1]
    for rows in (1, 2, 8, 50):
        x = rng.standard_normal((rows, shape[0])).astype(dtype)
        np.testing.assert_allclose(_product(x, cut), x @ matrix, rtol=0, atol=1e-3 if dtype == np.float32 else 1e-11)


@pytest.mark.parametrize(
    ("shape", "n"),
    [((192, 4096), 16), ((192, 576), 2), ((512, 192), 2), ((192, 192), 1), ((768, 50_257), 1), ((70_000, 64), 1)],
)
def test_blocks_are_few_and_never_narrow(shape, n):
    """A prime number of columns, as GPT-2's 50,257 tokens are, has no blocks but single columns."""
    assert _in_blocks(np.zeros(shape, np.float32)).shape == (n, shape[0], shape[1] // n)


def test_a_repeated_cache_goes_on_as_each_of_its_rows_would_alone(tiny):
    model, ids, _ = tiny
    first = model.cache(1, 10, np.float64)
    model.step(ids[None, :10], first)
    cache = first.repeated(3, 32)
    model.step(ids[[10, 11, 12], None], cache)
    cache.drop(0)  # the last row takes its place
    assert (cache.batch, cache.capacity, cache.length) == (2, 32, 11)
    logits = model.step(ids[[20, 21], None], cache)
    np.testing.assert_allclose(logits[0], model.logits([*ids[:10], ids[12], ids[20]])[-1], rtol=0, atol=1e-11)
    np.testing.assert_allclose(logits[1], model.logits([*ids[:10], ids[11], ids[21]])[-1], rtol=0, atol=1e-11)


def test_a_longer_text_than_the_window_is_refused_and_the_cache_unharmed(tiny):
    model, ids, _ = tiny
    cache = model.cache(1, 100)
    model.step(ids[None, :30], cache)
    with pytest.raises(
        ParameterError, match=r"1 x 3 tokens after 30 do not fit into 1 x 32\. The window holds 32 tokens"
    ):
        model.step(ids[None, :3], cache)
    assert cache.length == 30
    with pytest.raises(ParameterError, match="window"):
        model.logits([1] * 33)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[40]], "an id is not in the vocabulary. Ids go from 0 to 39"),
        ([[-1]], "an id is not in the vocabulary"),
        ([[]], "Give"),
        ([3], "Give"),
        ([[1.5]], "Give"),
        ([[1], [2]], "2 x 1 tokens after 0 do not fit into 1 x 8"),
    ],
)
def test_ids_that_cannot_be_meant_are_refused(tiny, ids, message):
    model, _, _ = tiny
    with pytest.raises(ParameterError, match=message):
        model.step(ids, model.cache(1, 8))


def test_other_precisions_are_refused(tiny):
    model, ids, _ = tiny
    with pytest.raises(ParameterError, match="not computed in float16"):
        model.logits(ids, np.float16)


# --- the shipped model ------------------------------------------------------------------------------------------


def test_the_shipped_model_has_the_promised_shape():
    config = lm.load("lab-chat").model.config
    assert (config.vocab_size, config.hidden_size, config.num_hidden_layers) == (4096, 192, 6)
    assert (config.num_attention_heads, config.intermediate_size, config.max_position_embeddings) == (6, 512, 1024)


@pytest.fixture(scope="module")
def frozen() -> tuple[dict, np.ndarray]:
    """What training/frozen_logits.py recorded of `transformers`: prompts with ids; the last logits of each, (P, V)."""
    record = json.loads((DATA / "frozen_logits.json").read_text(encoding="utf-8"))
    return record, np.load(DATA / "frozen_logits.npz")["logits"]


def test_the_frozen_logits_belong_to_the_shipped_weights(frozen):
    for name, key in (("model.safetensors", "weights_sha256"), ("tokenizer.json", "tokenizer_sha256")):
        found = hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest()
        assert frozen[0][key] == found, "new weights need new oracles: python training/frozen_logits.py --help"


def test_the_shipped_tokenizer_and_chat_form_give_the_ids_of_transformers(frozen):
    tokenizer = lm.load("lab-chat").tokenizer
    prompts = frozen[0]["prompts"]
    assert len(prompts) >= 8
    for prompt in prompts:
        assert tokenizer.encode(prompt["text"], special=True) == prompt["ids"]
        if "messages" in prompt:
            assert lm.chat_ids(tokenizer, prompt["messages"], think=prompt["think"]) == prompt["ids"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_shipped_models_logits_are_those_of_transformers(frozen, dtype):
    record, expected = frozen
    model = lm.load("lab-chat").model
    for prompt, last in zip(record["prompts"], expected, strict=True):
        logits = model.logits(prompt["ids"], dtype)
        np.testing.assert_allclose(logits[-1], last, rtol=0, atol=2e-4)
        np.testing.assert_allclose(scipy.special.logsumexp(logits, axis=-1), prompt["logsumexp"], rtol=0, atol=2e-4)
        best = logits[np.arange(len(logits)), prompt["argmax"]]
        np.testing.assert_allclose(best, logits.max(-1), rtol=0, atol=2e-4)  # theirs is ours, but for a tie


def test_float32_is_within_a_quarter_of_the_error_that_exactness_allows_for():
    model = lm.load("lab-chat").model
    rng = np.random.default_rng(0)
    for ids in (rng.integers(0, 4096, 300), np.full(300, 5), np.arange(300), np.tile([1, 200, 3000], 100)):
        exact = model.logits(ids)
        assert np.abs(model.logits(ids, np.float32) - exact).max() < FLOAT32_ERROR / 4
        cache = model.cache(2, 300)
        model.step([ids[:250]] * 2, cache)
        for i in range(250, 300):
            assert np.abs(model.step([[ids[i]]] * 2, cache) - exact[i]).max() < FLOAT32_ERROR / 4


def test_a_model_is_read_once():
    assert lm.load("lab-chat") is lm.load("lab-chat")


# --- files ------------------------------------------------------------------------------------------------------


def test_tensors_are_read_as_the_safetensors_library_reads_them(tmp_path):
    rng = np.random.default_rng(1)
    tensors = {
        "half": rng.standard_normal((3, 5)).astype(np.float16),
        "single": rng.standard_normal(7).astype(np.float32),
        "empty": np.zeros((0, 4), np.float32),
        "scalar": np.array(2.5, np.float32),
    }
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(tensors, path, metadata={"format": "pt"})
    ours = read_safetensors(path)
    theirs = safetensors.numpy.load_file(path)
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype
        np.testing.assert_array_equal(ours[name], tensor)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(TINY / "tied", tmp_path / "model")
    return tmp_path / "model"


def rewrite(folder: Path, change) -> None:
    path = folder / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    change(tensors)
    safetensors.numpy.save_file(tensors, path)


def reconfigure(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "gone"}))


def cut(folder: Path, length: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])


def reheaded(folder: Path, change) -> None:
    path = folder / "model.safetensors"
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    change(header)
    new = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(new)) + new + data[8 + length :])


NORM = "model.norm.weight"
DAMAGES = [
    (lambda f: (f / "model.safetensors").unlink(), "model.safetensors", "this file of the model is missing"),
    (lambda f: (f / "config.json").unlink(), "config.json", "this file of the model is missing"),
    (lambda f: cut(f, 0), "model.safetensors", "not a safetensors file"),
    (lambda f: cut(f, 5), "model.safetensors", "not a safetensors file"),
    (lambda f: cut(f, 100), "model.safetensors", "the header would be"),
    (lambda f: cut(f, 6000), "model.safetensors", "the file is cut off"),
    (lambda f: cut(f, -1), "model.safetensors", "the file is cut off"),
    (
        lambda f: (f / "model.safetensors").write_bytes(b"PK\x03\x04" + b"\xff" * 90),
        "model.safetensors",
        "header would",
    ),
    (
        lambda f: (f / "model.safetensors").write_bytes(b"\x02" + b"\0" * 7 + b"[]"),
        "model.safetensors",
        "no JSON object",
    ),
    (lambda f: reheaded(f, lambda h: h[NORM].pop("shape")), NORM, "entry in the header is broken"),
    (lambda f: reheaded(f, lambda h: h[NORM].update(data_offsets=[9, 3])), NORM, "cut off"),
    (lambda f: reheaded(f, lambda h: h[NORM].update(data_offsets=[-8, 24])), NORM, "cut off"),
    (lambda f: reheaded(f, lambda h: h[NORM].update(data_offsets=["a", 3])), NORM, "broken"),
    (lambda f: reheaded(f, lambda h: h[NORM].update(shape=[17])), NORM, r"shape \[17\] needs 34 bytes"),
    (
        lambda f: reheaded(f, lambda h: h[NORM].update(dtype="BF16")),
        NORM,
        "type BF16 are not read here. Store it as F16",
    ),
    (lambda f: rewrite(f, lambda t: t.pop(NORM)), NORM, "this tensor is missing"),
    (lambda f: rewrite(f, lambda t: t.update({NORM: t[NORM][:8]})), NORM, r"shape is \[8\], config.json says \[16\]"),
    (lambda f: rewrite(f, lambda t: t[NORM].__setitem__(3, np.nan)), NORM, "NaN or infinity"),
    (lambda f: rewrite(f, lambda t: t[NORM].__setitem__(3, np.inf)), NORM, "NaN or infinity"),
    (lambda f: rewrite(f, lambda t: t.update(extra=t[NORM])), "extra", "has no place in the lab's model"),
    (lambda f: (f / "config.json").write_text("{'a': 1}"), "config.json", "this is not JSON"),
    (lambda f: (f / "config.json").write_bytes(b"\x80\x81"), "config.json", "this is not JSON"),
    (lambda f: (f / "config.json").write_text("[]"), "config.json", "not a JSON object"),
    (lambda f: reconfigure(f, hidden_size="gone"), "hidden_size", "this key is missing"),
    (lambda f: reconfigure(f, rope_theta="gone"), "rope_theta", "this key is missing"),
    (lambda f: reconfigure(f, vocab_size="40"), "vocab_size", "'40' cannot be meant"),
    (lambda f: reconfigure(f, vocab_size=40.5), "vocab_size", "40.5 cannot be meant"),
    (lambda f: reconfigure(f, num_hidden_layers=0), "num_hidden_layers", "0 cannot be meant"),
    (lambda f: reconfigure(f, hidden_size=24), "embed_tokens", r"config.json says \[40, 24\]"),
    (lambda f: reconfigure(f, head_dim=5), "head_dim", "must be even"),
    (lambda f: reconfigure(f, num_key_value_heads=3), "num_key_value_heads", "must divide"),
    (lambda f: reconfigure(f, model_type="gpt2"), "model_type", "'gpt2' is not computed here. Only 'llama' is"),
    (lambda f: reconfigure(f, rope_scaling={"rope_type": "yarn"}), "rope_type", "'yarn' is not computed here"),
    (lambda f: reconfigure(f, rope_scaling="linear"), "rope", "cannot be meant"),
]


@pytest.mark.parametrize(("damage", "named", "message"), DAMAGES)
def test_a_damaged_model_is_a_sentence_that_names_the_file(damage, named, message, folder):
    damage(folder)
    with pytest.raises(ModelFileError, match=message) as caught:
        Model.load(folder)
    assert str(folder) in str(caught.value)
    assert named in str(caught.value)


def test_what_is_missing_or_damaged_can_be_restored_and_the_sentence_says_how(folder):
    cut(folder, 6000)
    with pytest.raises(ModelFileError, match=RESTORE):
        Model.load(folder)


def test_rope_theta_is_read_from_both_places_it_has_had(folder):
    before = Model.load(folder).config
    reconfigure(folder, rope_theta="gone", rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    assert Model.load(folder).config == before
    reconfigure(folder, num_key_value_heads="gone", head_dim="gone", model_type="gone")
    assert ModelConfig.from_file(folder / "config.json") == before


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights with one tiny model, 'small', that LAB_WEIGHTS names."""
    small = tmp_path / "weights" / "small"
    shutil.copytree(TINY / "tied", small)
    # 40 tokens do not hold all bytes, so the vocabulary is widened to 256 bytes and 7 special tokens
    tensors = safetensors.numpy.load_file(small / "model.safetensors")
    table = tensors["model.embed_tokens.weight"]
    tensors["model.embed_tokens.weight"] = np.resize(table, (263, table.shape[1]))
    safetensors.numpy.save_file(tensors, small / "model.safetensors")
    reconfigure(small, vocab_size=263)
    lm.Tokenizer([]).save(small / "tokenizer.json")
    files = [path for path in small.iterdir() if path.suffix in (".json", ".safetensors")]
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (small / "SHA256SUMS").write_text("".join(sums))
    monkeypatch.setenv("LAB_WEIGHTS", str(tmp_path / "weights"))
    return small


def test_lab_weights_names_another_folder(weights):
    small = lm.load("small")
    assert small.name == "small"
    assert small.window == 32
    assert repr(small) == "<LanguageModel 'small', window 32 tokens>"


def test_an_unknown_model_is_a_sentence_with_the_nearest_name(weights):
    with pytest.raises(ModelFileError, match=r"there is no model 'smal'\. Did you mean 'small'\?"):
        lm.load("smal")
    with pytest.raises(ModelFileError, match=r"there is no model 'zzz'\. There are: small"):
        lm.load("zzz")


def test_missing_weights_are_a_sentence_that_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("LAB_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(
        ModelFileError, match=rf"nowhere: the lab's model 'lab-chat' .*not there\. There is none at all\. {RESTORE}"
    ):
        lm.load()


def test_a_name_is_a_name_and_no_path(weights):
    for name in ("..", ".", "", "small/../small", str(weights)):
        with pytest.raises(ModelFileError, match="there is no model"):
            lm.load(name)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_one_changed_byte_is_found_by_its_checksum(weights, name):
    data = bytearray((weights / name).read_bytes())
    data[len(data) // 2] ^= 1
    (weights / name).write_bytes(data)
    with pytest.raises(ModelFileError, match=rf"{name}: its checksum is not the one in SHA256SUMS.*{RESTORE}"):
        lm.load("small")


def test_a_missing_tokenizer_is_a_sentence(weights):
    (weights / "tokenizer.json").unlink()
    with pytest.raises(ModelFileError, match=r"tokenizer\.json: this file of the model is missing"):
        lm.load("small")
    (weights / "SHA256SUMS").unlink()
    with pytest.raises(ModelFileError, match=r"tokenizer\.json: the tokenizer cannot be read"):
        lm.load("small")


def test_a_tokenizer_of_another_model_is_refused(weights):
    lm.Tokenizer([(b"a", b"b")]).save(weights / "tokenizer.json")
    (weights / "SHA256SUMS").unlink()
    with pytest.raises(ModelFileError, match=r"the tokenizer has 264 tokens, the model 263"):
        lm.load("small")


def test_a_learners_own_model_needs_no_checksums(weights):
    (weights / "SHA256SUMS").unlink()
    assert lm.load("small").model.config.vocab_size == 263


def test_the_number_of_threads_is_left_alone_where_the_environment_names_one(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert threads.use_one_thread() is False
