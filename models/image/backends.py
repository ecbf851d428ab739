"""The backends that run an image network for serving: engine and precision.

A backend turns uint8 pixels into scores. ``choose`` takes the fastest one that this machine can
run; ``torch`` in fp32 runs everywhere and is the reference for the others.
"""

from __future__ import annotations

import fcntl
import logging
import platform
import warnings
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from models.image.preprocessing import normalise

log = logging.getLogger("ray.serve")
Engine = Literal["auto", "openvino", "torch"]
Precision = Literal["auto", "fp32", "bf16"]
FAST_BF16_FLAGS = ("avx512_bf16", "amx_bf16")


class Backend(Protocol):
    """Scores of images. Safe to call from one thread at a time."""

    engine: str
    precision: str

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Scores, float32 (n, classes), of uint8 (n, size, size, 3) images."""


class _Scores(nn.Module):
    """Network and preprocessing in one graph, pixels in."""

    def __init__(self, network: nn.Module, preprocessor: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.preprocessor = preprocessor

    def forward(self, images: Tensor) -> Tensor:
        return self.network(normalise(images, self.preprocessor)).float()


class TorchBackend:
    """Eager PyTorch, with as many threads as torch is set to."""

    engine = "torch"

    def __init__(self, network: nn.Module, preprocessor: dict[str, Any], precision: str = "fp32") -> None:
        self.precision = precision
        self._scores = _Scores(network.eval().to(memory_format=torch.channels_last), preprocessor)

    @torch.inference_mode()
    def logits(self, images: np.ndarray) -> np.ndarray:
        """Scores, float32 (n, classes), of uint8 (n, size, size, 3) images."""
        # Arrays from Ray's object store and from Pillow are read-only, which torch does not accept.
        writable = torch.from_numpy(np.require(images, requirements="W"))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            return self._scores(writable).numpy()


class OpenVinoBackend:
    """OpenVINO on one thread; the network is exported from torch once and cached at ``cached``."""

    engine = "openvino"

    def __init__(
        self, network: nn.Module, preprocessor: dict[str, Any], size: int, precision: str, cached: Path | None = None
    ) -> None:
        import openvino

        self.precision = precision
        core = openvino.Core()
        graph = _exported(core, network, preprocessor, size, cached)
        self._compiled = core.compile_model(
            graph,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                # With pinning, every replica would use the same core.
                "ENABLE_CPU_PINNING": False,
            },
        )

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Scores, float32 (n, classes), of uint8 (n, size, size, 3) images."""
        # A copy: the array belongs to the request object, which the next call overwrites.
        return np.array(self._compiled(np.ascontiguousarray(images))[0])


def _exported(core: Any, network: nn.Module, preprocessor: dict[str, Any], size: int, cached: Path | None) -> Any:
    """The network as OpenVINO's graph, from the file ``cached``, which the first process writes."""
    if cached is None:
        return _export(network, preprocessor, size)
    import openvino

    cached.parent.mkdir(parents=True, exist_ok=True)
    with cached.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cached.exists():
            # The graph's file is renamed last: when it exists, so do its weights.
            half = cached.with_suffix(".half.xml")
            openvino.save_model(_export(network, preprocessor, size), half, compress_to_fp16=False)
            half.with_suffix(".bin").replace(cached.with_suffix(".bin"))
            half.replace(cached)
    return core.read_model(cached)


def _export(network: nn.Module, preprocessor: dict[str, Any], size: int) -> Any:
    import openvino

    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        # Tracing warns of its deprecation, and of the preprocessing's constants, which are intended.
        warnings.simplefilter("ignore")
        return openvino.convert_model(
            _Scores(network.eval(), preprocessor),
            example_input=example,
            input=[openvino.PartialShape([-1, size, size, 3])],
        )


def choose(
    network: nn.Module,
    preprocessor: dict[str, Any],
    size: int,
    engine: Engine = "auto",
    precision: Precision = "auto",
    cached: Path | None = None,
) -> Backend:
    """The backend of the settings; ``auto`` is the fastest that this machine can run, torch if OpenVINO fails."""
    chosen = ("bf16" if has_fast_bf16() else "fp32") if precision == "auto" else precision
    if engine != "torch":
        try:
            return OpenVinoBackend(network, preprocessor, size, chosen, cached)
        except Exception:
            # torch runs every network on every machine.
            if engine == "openvino":
                raise
            log.warning("OpenVINO cannot run this network here; using torch", exc_info=True)
    return TorchBackend(network, preprocessor, "fp32" if precision == "auto" else precision)


def has_fast_bf16() -> bool:
    """Whether this processor has instructions for bf16 (AVX-512 BF16, AMX, Arm's bf16)."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    wanted = ("bf16",) if platform.machine() == "aarch64" else FAST_BF16_FLAGS
    return any(flag in flags for flag in wanted)
