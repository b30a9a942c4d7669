"""ajv, for the comparisons of scripts/suites and of scripts/bench schema."""
import pathlib
import shutil
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "build/suites"


def ajv_folder():
    """The folder in which node finds ajv, installed there by npm at the first call; null, and said aloud, without npm."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not shutil.which("npm") or not shutil.which("node"):
        print("NOT RUN: ajv (npm or node is missing)", file=sys.stderr)
        return None
    if not (FOLDER / "node_modules/ajv-formats").is_dir():
        (FOLDER / "package.json").write_text('{"name": "suites", "private": true, "type": "module"}\n')
        installed = subprocess.run(["npm", "install", "--silent", "ajv@8", "ajv-formats@3"], cwd=FOLDER, capture_output=True, text=True,
                                   check=False, timeout=300)
        if installed.returncode != 0:
            print(f"NOT RUN: ajv (npm install failed: {installed.stderr.strip()[-200:]})", file=sys.stderr)
            return None
    return FOLDER
