"""What an editor makes of it: the YAML language server that VS Code, Neovim, Helix and Emacs run, from npm, opens a service of
examples/layers and is led by its first line alone to the schema in schemas/, which is YAML and refers to another."""
import json
import os
import queue
import shutil
import subprocess
import threading
import time

import npm
import pytest

PACKAGE = "yaml-language-server@1.18.0"
PATIENCE_S = 120


def installed():
    """The server with what it needs, under build/npm; npm runs nothing of it."""
    if npm.NODE is None or npm.NPM is None:
        pytest.skip("NOT TESTED: no node and npm to run the language server with")
    folder = npm.CACHE / "language-server"
    program = folder / "node_modules/yaml-language-server/bin/yaml-language-server"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        run = npm.ask_registry(folder, "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE)
        if run.returncode != 0 or not program.exists():
            shutil.rmtree(folder)
            pytest.skip(f"NOT TESTED: npm install says {run.returncode} {run.stderr.strip()[:200]}; no registry?")
    return program


class Server:
    """The server, over its standard input and output."""

    def __init__(self, root):
        self.process = subprocess.Popen([npm.NODE, installed(), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.heard = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.ask(1, "initialize", {"processId": os.getpid(), "rootUri": root.as_uri(), "capabilities": {"workspace": {"configuration": True}},
                                   "workspaceFolders": [{"uri": root.as_uri(), "name": "config"}]})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": {"yaml": {"validate": True, "schemaStore": {"enable": False}}}})

    def _listen(self):
        stream = self.process.stdout
        while line := stream.readline():
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
                while stream.readline().strip():
                    pass
                self.heard.put(json.loads(stream.read(size)))

    def _send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def wait(self, accept):
        end = time.monotonic() + PATIENCE_S
        while True:
            message = self.heard.get(timeout=max(0.1, end - time.monotonic()))
            if message.get("method") == "workspace/configuration":
                self._send({"id": message["id"], "result": [{} for _ in message["params"]["items"]]})
            elif "id" in message and "method" in message:
                self._send({"id": message["id"], "result": None})
            elif accept(message):
                return message

    def tell(self, method, params):
        self._send({"method": method, "params": params})

    def ask(self, number, method, params):
        self._send({"id": number, "method": method, "params": params})
        return self.wait(lambda m: m.get("id") == number)["result"]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def opened(tmp_path):
    """The server with services/audio/stt-worker.yaml open, two mistakes in it."""
    root = tmp_path / "config"
    shutil.copytree(npm.ROOT / "examples/layers", root)
    path = root / "services/audio/stt-worker.yaml"
    text = path.read_text().replace("vad_threshold: 0.55", "vad_threshold: 1.4") + "sample_rat: 1\n"
    server = Server(root)
    try:
        server.tell("textDocument/didOpen", {"textDocument": {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}})
        yield server, path, text
    finally:
        server.stop()


def test_it_says_what_is_wrong_completes_keys_and_tells_what_they_mean(opened):
    server, path, text = opened
    told = server.wait(lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["diagnostics"])
    places = {(d["range"]["start"]["line"] + 1, d["range"]["start"]["character"] + 1) for d in told["params"]["diagnostics"]}
    assert places == {(3, 16), (5, 1)}, "where epochctl check finds them"
    where = {"textDocument": {"uri": path.as_uri()}, "position": {"line": text.count("\n"), "character": 0}}
    labels = {item["label"] for item in server.ask(2, "textDocument/completion", where)["items"]}
    assert {"whisper_model", "padding_ms", "log_level"} <= labels, "the last is of the schema that it refers to"
    where["position"] = {"line": 2, "character": 3}
    hover = server.ask(3, "textDocument/hover", where)["contents"]["value"]
    assert "Voice detector threshold" in hover and "dishwasher" in hover
