#!/usr/bin/env python3
"""The bench behind compare.sh: starts the stub upstream and each proxy, sends them the same load in
turn, round by round, and prints medians and the ratios between them."""
import json
import os
import pathlib
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
CONNECTIONS = 32
STREAM_EVENTS = 200
SCOPE = "https://gateway.internal/invoke"


def body_of(size, **more):
    """A chat request of about `size` bytes: one prompt, as long as it takes."""
    body = {"model": "gpt-4o-mini", "max_tokens": 256, "temperature": 0.2, **more,
            "messages": [{"role": "system", "content": "You are a terse assistant."},
                         {"role": "user", "content": ""}]}
    line = "Summarise this paragraph: streams, budgets and \"quotes\" matter.\n"
    room = size - len(json.dumps(body))
    body["messages"][1]["content"] = (line * (room // (len(line) + 3) + 1))[:max(room, 1)]
    return json.dumps(body, separators=(",", ":")).encode()


SCENARIOS = {
    # name: (request size, stream, path to the stub's dialect, requests a round)
    "600 B": (600, False, "openai", 6000),
    "16 KB": (16 << 10, False, "openai", 3000),
    "256 KB": (256 << 10, False, "openai", 600),
    "SSE, 200 events": (600, True, "openai", 64),
    "600 B, OpenAI to Anthropic": (600, False, "anthropic", 4000),
    "16 KB, OpenAI to Anthropic": (16 << 10, False, "anthropic", 2000),
    "256 KB, OpenAI to Anthropic": (256 << 10, False, "anthropic", 400),
    "SSE, OpenAI to Anthropic": (600, True, "anthropic", 64),
}
# The node process gets this fraction of the requests: it is slower by far. (Its streams fail with newer
# versions of the web layer that it was written against, hence the override in peers.json.)
PORTKEY_SHARE = 12


class Process:
    """A proxy under test: pinned to the first processor, everything else to the second."""

    def __init__(self, name, argv, env=None, log="/dev/null"):
        self.name = name
        self.log = open(log, "wb")
        pin = ["taskset", "-c", "0"] if os.cpu_count() > 1 else []
        self.process = subprocess.Popen([*pin, *map(str, argv)], stdout=self.log, stderr=self.log,
                                        env={**os.environ, **(env or {})})
        self.port = None
        self.headers = {}

    def cpu_ns(self):
        total = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total

    def peak_kb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def wait_port(file, pattern, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if file.exists() and (found := re.search(pattern, file.read_text(errors="replace"))):
            return int(found.group(1))
        time.sleep(0.05)
    raise SystemExit(f"did not start: {file}: {file.read_text() if file.exists() else 'no output'}")


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_aigw(work, upstream, jwt):
    name = "aigw, JWT" if jwt else "aigw"
    config = {
        "server": {"listen": "127.0.0.1:0", "threads": 1},
        "auth": {"jwt": {"enabled": jwt}},
        "log": {"access": False},
        # The others have no firewall. AIGW_BENCH_WAF=1 shows what ours costs.
        "enable_waf": os.environ.get("AIGW_BENCH_WAF") == "1", "waf": {"rate_limit": {"action": "none"}},
        "providers": [
            {"name": "o", "type": "openai", "base_url": f"http://127.0.0.1:{upstream}/v1", "api_key": "k",
             "models": ["gpt-"]},
            {"name": "a", "type": "anthropic", "base_url": f"http://127.0.0.1:{upstream}", "api_key": "k"}],
        "models": [{"name": "claude", "targets": [{"provider": "a", "model": "claude-sonnet-4-5"}]}],
    }
    secret = secrets.token_hex(16)
    if jwt:
        config["issuer"] = {"enabled": True, "url": "https://gateway.internal",
                            "clients": [{"id": "bench", "secret": secret, "scopes": [SCOPE]}]}
    path, log = work / f"aigw-{jwt}.yaml", work / f"aigw-{jwt}.log"
    path.write_text(json.dumps(config))
    process = Process(name, [BUILD / "bin" / "aigw-serve", "--config", path], log=log)
    process.port = wait_port(log, r"listening on http://[^\s]*:(\d+)")
    if jwt:
        token = subprocess.run([BUILD / "bin" / "aigw-token"], check=True, capture_output=True, text=True, env={
            "GATEWAY_CLIENT_ID": "bench", "GATEWAY_CLIENT_SECRET": secret,
            "GATEWAY_TOKEN_ENDPOINT": f"http://127.0.0.1:{process.port}/oauth2/token"}).stdout
        process.headers = {"Authorization": f"Bearer {token}"}
    return process


def start_nginx(work, upstream):
    port = free_port()
    (work / "nginx").mkdir()
    (work / "nginx.conf").write_text(f"""
daemon off; master_process off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/nginx.err;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 1m; tcp_nodelay on;
  client_body_temp_path {work}/nginx; proxy_temp_path {work}/nginx; fastcgi_temp_path {work}/nginx;
  uwsgi_temp_path {work}/nginx; scgi_temp_path {work}/nginx; keepalive_requests 1000000000;
  upstream stub {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://stub; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    location /stream/ {{ proxy_pass http://stub/; proxy_http_version 1.1; proxy_set_header Connection "";
                         proxy_buffering off; }}
  }}
}}""")
    process = Process("nginx", ["/usr/sbin/nginx", "-c", work / "nginx.conf", "-p", work])
    process.port = port
    return process


def start_portkey(work, upstream):
    entry = BUILD / "bench" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not entry.exists():
        return None
    port = free_port()
    log = work / "portkey.log"
    process = Process("Portkey", ["node", entry, f"--port={port}", "--headless"], log=log,
                      env={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost", "NODE_ENV": "production"})
    wait_port(log, r"localhost:(\d+)")
    process.port = port
    return process


def request_file(work, proxy, scenario, upstream):
    size, stream, target, _ = SCENARIOS[scenario]
    more = {"stream": True} if stream else {}
    headers = dict(proxy.headers)
    path = "/v1/chat/completions"
    if target == "anthropic" and proxy.name != "nginx":
        more["model"] = "claude-sonnet-4-5" if proxy.name == "Portkey" else "claude"
    if proxy.name == "nginx" and stream:
        path = "/stream" + path
    if proxy.name == "nginx" and target == "anthropic":
        path = path.replace("chat/completions", "messages")
    if proxy.name == "Portkey":
        headers |= {"x-portkey-provider": target, "Authorization": "Bearer k",
                    "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1"}
    body = body_of(size, **more)
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", "User-Agent: bench/1", "Content-Type: application/json",
             f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    file = work / "request"
    file.write_bytes("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return file


def load(work, proxy, scenario, upstream, requests):
    file = request_file(work, proxy, scenario, upstream)
    connections = min(CONNECTIONS, requests)
    pin = ["taskset", "-c", "1"] if os.cpu_count() > 1 else []
    before = proxy.cpu_ns()
    result = subprocess.run([*pin, BUILD / "bench" / "bench_load", str(proxy.port), str(connections),
                             str(requests), file], capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{proxy.name}, {scenario}: {result.stdout}{result.stderr}")
    figures = json.loads(result.stdout)
    figures["cpu_us"] = (proxy.cpu_ns() - before) / 1000 / requests
    figures["rate"] = requests / figures["seconds"]
    return figures


def share(proxy, requests):
    return max(CONNECTIONS, requests // PORTKEY_SHARE) if proxy.name == "Portkey" else requests


def measure(work, proxies, upstream, rounds):
    table = {}
    for scenario, (_, stream, _, requests) in SCENARIOS.items():
        samples = {p.name: [] for p in proxies}
        for proxy in proxies:  # warm: connections, caches, the node compiler
            load(work, proxy, scenario, upstream, share(proxy, max(CONNECTIONS, requests // 2)))
        for _ in range(rounds):
            for proxy in proxies:
                samples[proxy.name].append(load(work, proxy, scenario, upstream, share(proxy, requests)))
        table[scenario] = {
            name: {key: statistics.median(s[key] for s in rows)
                   for key in ("cpu_us", "rate", "p50_us", "p99_us")}
            for name, rows in samples.items()}
        print_scenario(scenario, table[scenario], stream)
    return table


def print_scenario(scenario, rows, stream):
    print(f"\n{scenario}")
    unit = "CPU us/event" if stream else "CPU us/request"
    print(f"  {'':12}{unit:>16}{'req/s':>10}{'p50 us':>10}{'p99 us':>10}{'CPU / nginx':>13}{'Portkey / it':>14}")
    nginx, portkey = rows["nginx"]["cpu_us"], rows.get("Portkey", {}).get("cpu_us")
    for name, row in rows.items():
        cpu = row["cpu_us"] / (STREAM_EVENTS if stream else 1)
        against = f"{portkey / row['cpu_us']:.1f}" if portkey else "-"
        print(f"  {name:12}{cpu:16.1f}{row['rate']:10.0f}{row['p50_us']:10.0f}{row['p99_us']:10.0f}"
              f"{row['cpu_us'] / nginx:13.2f}{against:>14}")
    sys.stdout.flush()


def count_instructions():
    """Instructions of one operation: the difference of two callgrind runs, so that start-up cancels."""
    pieces = BUILD / "bench" / "bench_pieces"
    print("\nInstructions (callgrind)")
    names = subprocess.run([pieces, "list"], check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        counts = []
        for times in (200, 1200):
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", "-q",
                                pieces, name, str(times)], check=True, capture_output=True)
                text = pathlib.Path(folder, "out").read_text()
                counts.append(int(re.search(r"^(?:summary|totals): (\d+)", text, re.M).group(1)))
        print(f"  {name:48}{(counts[1] - counts[0]) / 1000:12.0f}")


def main():
    rounds = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        pin = ["taskset", "-c", "1"] if os.cpu_count() > 1 else []
        stub = subprocess.Popen([*pin, BUILD / "bench" / "bench_stub", work / "port"])
        proxies = []
        try:
            upstream = wait_port(work / "port", r"(\d+)\n")
            proxies = [start_aigw(work, upstream, True), start_aigw(work, upstream, False),
                       start_nginx(work, upstream), start_portkey(work, upstream)]
            proxies = [p for p in proxies if p]
            time.sleep(0.5)
            print(f"{rounds} rounds, interleaved, {CONNECTIONS} connections, one proxy thread on one core; medians")
            print("nginx passes bytes; in the rows \"to Anthropic\" it translates nothing and is there for scale")
            measure(work, proxies, upstream, rounds)
            print("\nPeak resident memory, MiB: " +
                  ", ".join(f"{p.name} {p.peak_kb() / 1024:.1f}" for p in proxies))
        finally:
            for process in proxies:
                process.stop()
            stub.kill()
    count_instructions()


if __name__ == "__main__":
    main()
