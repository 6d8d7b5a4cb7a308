"""A stand-in for vLLM's server, with vLLM's command line, that behaves as FAKE_VLLM says (JSON). Copied into a package
``vllm.entrypoints.openai.api_server`` by `install`.

``delay_s`` before it listens; ``say`` and ``exit`` instead of listening; ``busy_until`` a file of that name lies there;
``stubborn``: it and its child ignore SIGTERM; ``models``: what it claims to serve; ``lives_s`` until it dies.
"""

import argparse
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


def install(folder: Path) -> Path:
    """Write the package into ``folder``; returns the folder to put on PYTHONPATH."""
    package = folder / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for level in (package, package.parent, package.parent.parent):
        (level / "__init__.py").touch()
    (package / "api_server.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("--model", "--host", "--served-model-name", "--max-model-len", "--tensor-parallel-size"):
        parser.add_argument(option)
    parser.add_argument("--port", type=int)
    parser.add_argument("--enforce-eager", action="store_true")
    args = parser.parse_args()
    behaviour = json.loads(os.environ["FAKE_VLLM"])
    print("INFO loading\rINFO loading 100% \x1b[31mred\x1b[0m", flush=True)
    core = start_core(behaviour.get("stubborn", False))
    told = {"pids": [os.getppid(), os.getpid(), core], "argv": sys.argv[1:], "key": os.environ.get("VLLM_API_KEY")}
    Path(behaviour["tells"]).write_text(json.dumps(told), encoding="utf-8")
    time.sleep(behaviour.get("delay_s", 0))
    first = not Path(behaviour["tells"] + ".first").exists()
    Path(behaviour["tells"] + ".first").touch()
    if "say" in behaviour and (first or not behaviour.get("once")):
        print(behaviour["say"], flush=True)
        if behaviour.get("signal"):
            os.kill(os.getpid(), behaviour["signal"])
        sys.exit(behaviour.get("exit", 1))
    if "lives_s" in behaviour:
        threading.Timer(behaviour["lives_s"], os._exit, [7]).start()
    serve(args, behaviour.get("models", [args.served_model_name]))


def start_core(stubborn: bool) -> int:
    """A child in a session of its own, as an engine core may be; returns its process id."""
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = "import time; time.sleep(60)"  # an ignored signal stays ignored in a child
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True).pid


def serve(args: argparse.Namespace, models: list[str]) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers.get("Authorization") == f"Bearer {os.environ['VLLM_API_KEY']}"
            status = 200 if self.path == "/health" or allowed else 401
            body = {"data": [{"id": name} for name in models]} if allowed else {"error": "Unauthorized"}
            content = b"" if self.path == "/health" else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    http.server.ThreadingHTTPServer((args.host, args.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
