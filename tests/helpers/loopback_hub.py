"""A Hugging Face hub on this machine: the real repositories' files with hardly anything in them, and bad days.

Knows: the routes that huggingface_hub asks for, and how the real hub answers them (its own documentation and the
library's source): small files come from the hub itself, large ones from another host, which is told no token. Does not
know: who fetches, or what a model is.
"""

import asyncio
import hashlib
from collections import Counter
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from gpu.profile import SDXL
from tests.helpers.model_repositories import FOLDERS, repository

REVISIONS = {
    SDXL.sdxl: SDXL.sdxl_revision,
    SDXL.few_step: "ce" * 20,  # no revision is pinned: any
    SDXL.vae: SDXL.vae_revision,
    SDXL.llama: SDXL.llama_revision,
    SDXL.dino: SDXL.dino_revision,
}
LARGE = (".safetensors", ".bin", ".msgpack", ".onnx", ".onnx_data", ".pth")


class LoopbackHub:
    """Serves while it is entered. What it was asked for is in `asked` (method, model, file) and `ranges`."""

    def __init__(self) -> None:
        self.files = {model: repository(model) for model in FOLDERS}
        self.gated: dict[str, set[str]] = {}  # by model: the tokens whose accounts have accepted its licence
        self.tokens: set[str] = set()  # that the hub knows
        self.cuts: Counter[str] = Counter()  # by file name: how often its connection is cut in the middle
        self.sizes: dict[str, int] = {}  # by file name: what the list says, in place of the truth
        self.asked: list[tuple[str, str, str]] = []
        self.ranges: list[str] = []
        self.told_elsewhere: list[str] = []  # tokens that the other host was sent
        self.stalled: set[str] = set()  # names of files of which half comes, and then nothing
        self.lost: set[str] = set()  # names of files that it lists and has not

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._days])
        app.router.add_get("/api/models/{model:[^/]+/[^/]+}", self._info)
        app.router.add_get("/api/models/{model:[^/]+/[^/]+}/revision/{revision}", self._info)
        app.router.add_get("/api/models/{model:[^/]+/[^/]+}/auth-check", self._check_access)
        app.router.add_get("/api/models/{model:[^/]+/[^/]+}/tree/{revision}", self._tree)
        app.router.add_get("/{model:[^/]+/[^/]+}/resolve/{revision}/{file:.+}", self._resolve)
        app.router.add_get("/large/{model:[^/]+/[^/]+}/{file:.+}", self._large)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.address = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def fetched(self) -> list[str]:
        """The files whose bytes were asked for, by model and name."""
        return [f"{model}/{file}" for method, model, file in self.asked if method == "GET" and file]

    @web.middleware
    async def _days(self, request: web.Request, handler: Any) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.path.startswith("/large/"):
            self.told_elsewhere += [token] if token else []
        elif token and token not in self.tokens:
            return refused(401, message="Invalid credentials in Authorization header")
        elif request.match_info.get("model") not in self.files:
            return refused(404, "RepoNotFound") if token else refused(401, message="Invalid username or password.")
        elif request.match_info.get("revision", "main") not in ("main", REVISIONS[request.match_info["model"]]):
            return refused(404, "RevisionNotFound")
        return await handler(request)

    async def _info(self, request: web.Request) -> web.Response:
        model = request.match_info["model"]
        return web.json_response({"_id": "1", "id": model, "modelId": model, "sha": REVISIONS[model], "siblings": []})

    async def _check_access(self, request: web.Request) -> web.Response:
        return self._gate(request) or web.json_response({})

    def _gate(self, request: web.Request) -> web.Response | None:
        """The refusal of a model whose licence this token's account has not accepted."""
        model, token = request.match_info["model"], request.headers.get("Authorization", "").removeprefix("Bearer ")
        if model in self.gated and token not in self.gated[model]:
            return refused(403 if token else 401, "GatedRepo", f"Access to model {model} is restricted.")
        return None

    async def _tree(self, request: web.Request) -> web.Response:
        files = self.files[request.match_info["model"]]
        return web.json_response([self._entry(name, data) for name, data in files.items()])

    def _entry(self, name: str, data: bytes) -> dict[str, Any]:
        size = self.sizes.get(name, len(data))
        entry = {"type": "file", "path": name, "size": size, "oid": hashlib.sha1(data).hexdigest()}
        lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 134}
        return entry | {"lfs": lfs} if name.endswith(LARGE) else entry

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        model, name = request.match_info["model"], request.match_info["file"]
        self.asked.append((request.method, model, "" if name.endswith(LARGE) else name))
        if refusal := self._gate(request):
            return refusal
        if name not in self.files[model] or name in self.lost:
            return refused(404, "EntryNotFound")
        data = self.files[model][name]
        commit = {"X-Repo-Commit": str(REVISIONS[model])}
        if not name.endswith(LARGE):
            return await self._send(request, data, commit | {"ETag": f'"{hashlib.sha1(data).hexdigest()}"'})
        linked = {"X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Linked-Size": str(len(data))}
        elsewhere = {"Location": f"http://localhost:{self.port}/large/{model}/{name}"}
        return web.Response(status=302, headers=commit | linked | elsewhere)

    async def _large(self, request: web.Request) -> web.StreamResponse:
        model, name = request.match_info["model"], request.match_info["file"]
        self.asked.append((request.method, model, name))
        return await self._send(request, self.files[model][name], {})

    async def _send(self, request: web.Request, data: bytes, headers: dict[str, str]) -> web.StreamResponse:
        """The bytes, or those from Range on; half of them where the connection is to be cut."""
        start, status = 0, 200
        if wanted := request.headers.get("Range"):
            self.ranges.append(wanted)
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            headers = headers | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        response = web.StreamResponse(status=status, headers=headers | {"Content-Length": str(len(data) - start)})
        await response.prepare(request)
        name = request.match_info["file"]
        if request.method == "HEAD":
            return response
        if self.cuts[name] > 0:
            self.cuts[name] -= 1
            await response.write(data[start : (start + len(data)) // 2])
            assert request.transport
            request.transport.close()
            return response
        if name in self.stalled:
            await response.write(data[: len(data) // 2])
            await asyncio.Event().wait()
        await response.write(data[start:])
        return response


def refused(status: int, code: str = "", message: str = "") -> web.Response:
    headers = {"X-Error-Code": code, "X-Error-Message": message}
    return web.json_response({"error": message}, status=status, headers={k: v for k, v in headers.items() if v})
