"""The gateways of docs/elsewhere.md: each runs its recipe on ports of its own, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from watchword_servers import COMMAND, clean_environment

__all__ = ["GATEWAYS", "RECIPES", "write_haproxy_keys", "write_nginx"]

RECIPES = Path(__file__).parents[1] / "interop" / "recipes"

# The recipe is what stands in http { }. The rest is where nginx may write without being root.
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/recipe.conf;
}}
"""


def adapt(recipe: str, changes: Mapping[str, str]) -> str:
    """A recipe with other addresses and paths. Each must be in it."""
    text = (RECIPES / recipe).read_text()
    for old, new in changes.items():
        assert old in text, f"{recipe} does not have {old}"
        text = text.replace(old, new)
    return text


def to_nginx(nginx: Path, folder: Path, addresses: Mapping[str, str]) -> list[str | Path]:
    return write_nginx(nginx, folder, adapt("nginx.conf", addresses))


def write_nginx(nginx: Path, folder: Path, recipe: str) -> list[str | Path]:
    """Write the configuration that has this recipe in it; the command that runs nginx with it."""
    (folder / "recipe.conf").write_text(recipe)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    return [nginx, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]


def to_caddy(caddy: Path, folder: Path, addresses: Mapping[str, str]) -> list[str | Path]:
    options = "{\n\tadmin off\n\tauto_https off\n}\n"
    (folder / "Caddyfile").write_text(options + adapt("Caddyfile", addresses))
    return [caddy, "run", "--config", folder / "Caddyfile"]


def to_haproxy(haproxy: Path, folder: Path, addresses: Mapping[str, str]) -> list[str | Path]:
    changes = {**addresses, "/etc/haproxy/watchword": str(folder / "keys")}
    (folder / "haproxy.cfg").write_text(adapt("haproxy.cfg", changes))
    return [haproxy, "-db", "-f", folder / "haproxy.cfg"]


GATEWAYS: dict[str, Callable[..., list[str | Path]]] = {
    "nginx": to_nginx,
    "caddy": to_caddy,
    "haproxy": to_haproxy,
}


def write_haproxy_keys(folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script of the recipe, beside a server's database."""
    keys = folder / "keys"
    keys.mkdir(exist_ok=True)
    commands = folder / "bin"
    commands.mkdir(exist_ok=True)
    command = commands / "watchword"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{COMMAND[-1]}" "$@"\n')
    command.chmod(0o755)
    path = f"{commands}:/usr/local/bin:/usr/bin:/bin"
    return subprocess.run(
        ["sh", RECIPES / "haproxy_keys.sh", keys],
        env=clean_environment({**environment, "PATH": path}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
