"""A hub on loopback: as much of its API as a push of a dataset needs, and what it was asked."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeHub:
    """Repositories by name: {"private": bool, "files": {name: bytes}}; ``token`` is the only one that may enter."""

    token = "hf_secret"

    def __init__(self):
        self.repos = {}
        self.requests = []
        self.at_preupload = lambda: None
        """called when a push has named its files, before the commit"""

    def info(self, repo):
        held = self.repos[repo]
        files = [{"rfilename": name} for name in held["files"]]
        return {"id": repo, "private": held["private"], "sha": "0" * 40, "siblings": files, "gated": False}

    def answer(self, method, path, body):
        """(status, JSON, headers)"""
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}, {}
        if path == "/api/repos/create":
            made = json.loads(body)
            repo = f"{made.get('organization') or 'me'}/{made['name']}"
            self.repos[repo] = {"private": bool(made.get("private")), "files": {}}
            return 200, {"url": f"{self.address}/datasets/{repo}"}, {}
        repo = "/".join(path.split("/")[3:5])
        if repo not in self.repos:
            return 404, {"error": "not found"}, {"X-Error-Code": "RepoNotFound"}
        if "/preupload/" in path:
            named = json.loads(body)["files"]
            self.at_preupload()
            return (
                200,
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in named]},
                {},
            )
        if "/commit/" in path:
            return self.commit(repo, [json.loads(line) for line in body.splitlines()])
        return 200, self.info(repo), {}

    def commit(self, repo, lines):
        files = self.repos[repo]["files"]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        return 200, {"commitUrl": f"{self.address}/datasets/{repo}/commit/{'1' * 40}", "commitOid": "1" * 40}, {}


@contextmanager
def running(hub):
    """Serve; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def respond(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.split("?")[0]
            hub.requests.append((self.command, path))
            if self.headers.get("Authorization") != f"Bearer {hub.token}":
                status, told, headers = 401, {"error": "no"}, {}
            else:
                status, told, headers = hub.answer(self.command, path, body)
            content = json.dumps(told).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": len(content)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = respond

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub.address
    finally:
        server.shutdown()
        server.server_close()
