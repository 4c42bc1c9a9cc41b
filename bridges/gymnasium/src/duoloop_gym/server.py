"""The simulator as a child process: one request, one answer, over a pair of pipes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import weakref
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from duoloop_gym.command import Command, find_command
from duoloop_gym.errors import DuoloopError, ServerError
from duoloop_gym.handshake import Handshake, parse_handshake
from duoloop_gym.options import EnvOptions

RESET, STEP, FAILURE = 1, 2, 3
HEADER_BYTES = 8
CLOSE_SECONDS = 5.0
LARGEST_HANDSHAKE_BYTES = 1 << 20
LONGEST_LAST_WORDS = 2_000
# A frame of 1,024 lanes then goes through in one piece. Linux gives so much to everyone.
PIPE_BYTES = 1 << 20

FloatArray = np.ndarray[Any, np.dtype[np.float32]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Step:
    """A step of all lanes. The arrays share one buffer, which belongs to the receiver: the next step has another."""

    observations: FloatArray
    """Lanes × features. Where a lane ended, the first of its next episode."""
    rewards: FloatArray
    terms: FloatArray
    """Terms × lanes."""
    final_observations: FloatArray
    """A row for each lane that ended, in their order."""
    terminated: BoolArray
    truncated: BoolArray


class EnvServer:
    """Starts the simulator and speaks with it.

    It ends with ``close()``, when the object is collected, and when Python ends in whatever way: the end of its input
    is all it needs. It is in a session of its own, so that Ctrl-C interrupts the training and not the environment.
    """

    def __init__(self, options: EnvOptions, lanes: int, command: Command | None = None) -> None:
        words = [*find_command(command), "serve-env", *options.arguments(lanes)]
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as cause:
            self._errors.close()
            raise DuoloopError(f"{words[0]} cannot be started: {cause}") from cause
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input: IO[bytes] = self._process.stdin
        self._output: IO[bytes] = self._process.stdout
        self._finalizer = weakref.finalize(self, _end, self._process, self._errors)
        self._owner = os.getpid()
        self._broken: str | None = None
        self._waiting_for: int | None = None
        _enlarge(self._output)
        try:
            self.handshake: Handshake = parse_handshake(self._read_line())
        except BaseException:
            self.close()
            raise
        features = len(self.handshake.observation_names)
        self._shape = (lanes, features)
        self._header = np.zeros(2, dtype=np.int32)
        self._request = np.zeros(2 + lanes * len(self.handshake.choices), dtype=np.int32)

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def closed(self) -> bool:
        return not self._finalizer.alive

    def reset(self, seed: int) -> FloatArray:
        """Begins every lane anew; the same seed gives the same course. Returns lanes × features."""
        if not 0 <= seed < 1 << 32:
            raise ValueError(f"seed {seed}: it must be from 0 to {(1 << 32) - 1}")
        self._send(np.array([RESET, seed], dtype=np.uint32), RESET)
        return self._receive(RESET).view(np.float32).reshape(self._shape)

    def send_step(self, actions: Any) -> None:
        """Lets all lanes go one decision interval, without waiting; ``receive_step`` has to follow.

        Args:
            actions: choices, lanes × heads
        """
        choices = np.asarray(actions)
        if choices.size != len(self._request) - 2 or not np.issubdtype(choices.dtype, np.integer):
            expected = (self._shape[0], len(self.handshake.choices))
            raise ValueError(
                f"actions of shape {choices.shape} and type {choices.dtype}: integers of shape {expected} are needed"
            )
        self._request[0], self._request[1] = STEP, choices.size
        self._request[2:] = choices.reshape(-1)
        self._send(self._request, STEP)

    def receive_step(self) -> Step:
        """Raises ValueError for an action that is none; the lanes then stay as they were."""
        payload = self._receive(STEP)
        lanes, features = self._shape
        terms = len(self.handshake.terms)
        floats = payload[: len(payload) - 2 * lanes].view(np.float32)
        flags = payload[len(payload) - 2 * lanes :].view(np.bool_)
        rewards_at = lanes * features
        terms_at = rewards_at + lanes
        final_at = terms_at + terms * lanes
        return Step(
            observations=floats[:rewards_at].reshape(self._shape),
            rewards=floats[rewards_at:terms_at],
            terms=floats[terms_at:final_at].reshape(terms, lanes),
            final_observations=floats[final_at:].reshape(-1, features),
            terminated=flags[:lanes],
            truncated=flags[lanes:],
        )

    def close(self) -> None:
        """Ends the simulator. May be called again."""
        self._finalizer()

    def _send(self, words: np.ndarray[Any, Any], kind: int) -> None:
        if self._broken is not None:
            raise ServerError(f"{self._broken}; make the environment anew")
        if self.closed:
            raise ServerError("the environment is closed; make it anew")
        if os.getpid() != self._owner:
            raise ServerError("the environment belongs to the process that made it; make one in each process")
        if self._waiting_for is not None:
            raise ServerError("the answer to the last request was not taken; every send_step needs its receive_step")
        view = words.data.cast("B")
        try:
            sent = 0
            while sent < len(view):
                sent += self._input.write(view[sent:])
        except BrokenPipeError:
            raise self._died() from None
        except BaseException:
            self._break("a request was interrupted")
            raise
        self._waiting_for = kind

    def _receive(self, kind: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        if self._broken is not None:
            raise ServerError(f"{self._broken}; make the environment anew")
        if self._waiting_for != kind:
            raise ServerError("there is no answer to wait for; every receive_step needs its send_step")
        try:
            self._fill(self._header)
            got, size = self._header.tolist()
            # Not zeroed first, and a fresh one each time: what is received is handed out, and copied no more.
            payload = np.empty(size, dtype=np.uint8)
            self._fill(payload)
        except ServerError:
            raise
        except BaseException:
            # Whatever is left of the answer would be taken for the next one.
            self._break("waiting for a step was interrupted")
            raise
        self._waiting_for = None
        if got == FAILURE:
            raise ValueError(payload.tobytes().decode("utf-8", "replace"))
        if got != kind:
            self._break(f"Duoloop answered {got} to a request {kind}")
            raise ServerError(f"{self._broken}; install versions that belong together")
        return payload

    def _fill(self, array: np.ndarray[Any, Any]) -> None:
        view = array.data.cast("B")
        have = 0
        while have < len(view):
            # Of an unbuffered file: one read, straight into the array.
            got = self._output.readinto(view[have:])  # type: ignore[attr-defined]
            if not got:
                raise self._died()
            have += got

    def _read_line(self) -> bytes:
        """The first line; there is nothing behind it before the first request."""
        line = bytearray()
        while not line.endswith(b"\n") and len(line) < LARGEST_HANDSHAKE_BYTES:
            got = self._output.read(1 << 16)
            if not got:
                raise self._died()
            line += got
        return bytes(line)

    def _died(self) -> ServerError:
        """Says how the process ended, in its own words."""
        try:
            status = self._process.wait(CLOSE_SECONDS)
            how = f"with exit code {status}" if status >= 0 else f"by signal {-status}"
        except subprocess.TimeoutExpired:
            how = "its output, but not itself"
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip()
        # What Duoloop says begins so; before it there may be the warnings of whatever started it.
        words = said[said.rfind("error: ") + len("error: ") :] if "error: " in said else said[-LONGEST_LAST_WORDS:]
        self._break(f"duoloop serve-env ended {how}")
        return ServerError(f"{self._broken}: {words}" if words else self._broken)

    def _break(self, reason: str) -> None:
        self._broken = reason
        self.close()


def _enlarge(pipe: IO[bytes]) -> None:
    if sys.platform != "linux":
        return
    import fcntl

    try:
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:
        pass  # Slower, that is all.


def _end(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    owner_pipes = (process.stdin, process.stdout, errors)
    for pipe in owner_pipes:
        if pipe is not None:
            pipe.close()
    try:
        process.wait(CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
