"""What keeps the engine from starting: each with a clear line and the documented exit code of docs/cli.md."""
import json
import pathlib
import shutil
import socket
import subprocess
import unittest

import harness
from harness import BINARY, wait_until
from tool_documents import ALL, KEY, changed, make

CONFIGURATION, REFUSED, IN_USE, NEWER, DAMAGED, MISSING, IO_ERROR = 2, 3, 9, 10, 11, 12, 13
CREDENTIAL = '[credentials.crm]\nsecret_env = "CRM_TOKEN"\norigins = ["http://127.0.0.1:1"]'


def files_of(folder):
    """What the folder holds, but for RocksDB's diary and lock, which every look leaves."""
    return {path.name: path.read_bytes() for path in sorted(pathlib.Path(folder).iterdir())
            if not path.name.startswith(("LOG", "LOCK", "BALLAST"))}


class Configuration(harness.EngineTest):
    def assert_refused(self, engine, exit_code, *texts, command=None):
        code, log = engine.refused(command)
        self.assertEqual(code, exit_code, log)
        self.assertTrue(log.startswith("settle"), log)
        for text in texts:
            self.assertIn(text, log)
        return log

    def test_a_secret_that_is_not_there_is_named(self):
        engine = self.prepare(*ALL, config=CREDENTIAL)
        self.assert_refused(engine, CONFIGURATION, 'credential "crm"', "CRM_TOKEN", "is not set")
        self.assertFalse(engine.data.exists(), "nothing was made")
        engine = self.prepare(*ALL, config=CREDENTIAL, environment={"CRM_TOKEN": ""})
        self.assert_refused(engine, CONFIGURATION, "CRM_TOKEN is empty")
        engine = self.prepare(*ALL, config=CREDENTIAL.replace('secret_env = "CRM_TOKEN"',
                                                              'secret_file = "nowhere/token"'))
        self.assert_refused(engine, CONFIGURATION, "nowhere/token")

    def test_every_unknown_key_and_wrong_value_is_named_with_its_place(self):
        engine = self.prepare(config='log_levle = "info"\nshutdown_grace = 10\n[limits]\nbody_byte = 5\nconnections = 0')
        log = self.assert_refused(engine, CONFIGURATION, "log_levle", 'did you mean "log_level"', "shutdown_grace",
                                  "limits.body_byte", "limits.connections",
                                  "line 2")
        self.assertIn("settle.toml", log)
        self.assertFalse(engine.data.exists())

    def test_what_is_no_toml_is_refused_with_its_line(self):
        self.assert_refused(self.prepare(config="listen = "), CONFIGURATION, "settle.toml, line 2")
        self.assert_refused(self.prepare(config='a = 1\na = 2'), CONFIGURATION, "settle.toml, line 3")

    def test_a_config_file_that_is_not_there_is_refused(self):
        engine = self.prepare()
        engine.config_file.unlink()
        self.assert_refused(engine, CONFIGURATION, "can't be read")

    def test_with_dev_it_does_not_serve_beyond_loopback(self):
        engine = self.prepare(*ALL)
        for listen in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", ":0", "example.org:80", "127.0.0.1", "127.0.0.1:x",
                       "127.0.0.1:99999", "127.evil.example:1"):
            with self.subTest(listen):
                code, log = engine.refused(engine.command(listen=listen))
                self.assertIn(code, (CONFIGURATION, IO_ERROR), log)
        self.assert_refused(engine, CONFIGURATION, "loopback", command=engine.command(listen="0.0.0.0:0"))

    def test_without_a_data_folder_it_does_not_start(self):
        engine = self.prepare()
        self.assert_refused(engine, CONFIGURATION, "--data", command=[BINARY, "serve", "--dev"])

    def test_a_wrong_command_line_is_refused(self):
        for arguments in (["--nothing"], ["--threads", "0"], ["--threads", "x"], ["--log-level", "loud"], ["extra"]):
            with self.subTest(arguments):
                code, _, errors = harness.run_cli("serve", "--data", f"{self.folder}/unused", "--dev", *arguments)
                self.assertEqual((code, bool(errors)), (2, True), errors)
        self.assertFalse(pathlib.Path(self.folder, "unused").exists())

    def test_every_problem_of_every_tool_in_the_folder_is_named(self):
        engine = self.prepare(*ALL)
        (engine.tools_dir / "broken.json").write_text("{")
        (engine.tools_dir / "half.json").write_text(json.dumps(changed(KEY, risk="dangerous", descripton="x")))
        (engine.tools_dir / "ignored.txt").write_text("{")
        log = self.assert_refused(engine, REFUSED, "broken.json", "half.json/risk", "half.json/descripton")
        self.assertNotIn("ignored", log)
        self.assertFalse(engine.data.exists())

    def test_a_tools_folder_that_is_not_there_is_refused(self):
        engine = self.prepare()
        shutil.rmtree(engine.tools_dir)
        self.assert_refused(engine, CONFIGURATION, "tools folder", "can't be read")

    def test_a_file_as_data_folder_is_refused(self):
        engine = self.prepare()
        engine.data.write_text("mine")
        self.assert_refused(engine, CONFIGURATION, "is a file")
        self.assertEqual(engine.data.read_text(), "mine")

    def test_somebody_elses_folder_is_refused_and_left_alone(self):
        engine = self.prepare()
        engine.data.mkdir()
        (engine.data / "letters.txt").write_text("mine")
        self.assert_refused(engine, CONFIGURATION, "letters.txt")
        self.assertEqual([path.name for path in engine.data.iterdir() if path.name != "LOCK"], ["letters.txt"])

    def test_a_port_in_use_is_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            engine = self.prepare(*ALL)
            self.assert_refused(engine, IO_ERROR, str(port), command=engine.command(listen=f"127.0.0.1:{port}"))
        running = self.engine(*ALL)
        engine = self.prepare(*ALL)
        self.assert_refused(engine, IO_ERROR, str(running.port),
                            command=engine.command(listen=f"127.0.0.1:{running.port}"))
        self.assertEqual(running.client.get("/healthz").status, 200, "the first one serves on, undivided")
        engine.start()

    def test_the_environment_stands_in_for_flags(self):
        engine = self.prepare(*ALL, environment={})
        engine.environment = {"SETTLE_DATA": str(engine.data), "SETTLE_TOOLS": str(engine.tools_dir),
                              "SETTLE_CONFIG": str(engine.config_file), "SETTLE_LISTEN": "127.0.0.1:0"}
        engine.launch([BINARY, "serve", "--dev"])
        wait_until(engine._listening, "it listens")
        self.assertEqual(engine.stop(), 0)


class Ready(harness.EngineTest):
    def test_the_first_plan_that_comes_in_finds_every_tool_of_the_folder(self):
        for _ in range(5):
            many = [changed(KEY, name=f"things.make-{number}") for number in range(100)]
            engine = self.prepare(*many).start(ready=False)
            answer = engine.client.submit({"name": "p", "actions": [make(tool=many[-1])]})
            self.assertEqual(answer.status, 201, answer)
            engine.close()

    def test_the_log_is_one_json_object_a_line(self):
        engine = self.engine(*ALL)
        self.assertEqual(engine.stop(), 0)
        lines = [json.loads(line) for line in engine.lines if not line.startswith("settle listening")]
        self.assertEqual([line["message"] for line in lines][-3:], ["ready", "stopping", "stopped"])
        for line in lines:
            self.assertEqual(set(line), {"time", "level", "message"})

    def test_a_data_folder_is_for_its_owner_only(self):
        engine = self.engine(*ALL)
        self.assertEqual(engine.data.stat().st_mode & 0o777, 0o700)

    def test_a_second_signal_ends_the_wait_for_calls(self):
        engine = self.engine(*ALL, config='shutdown_grace = "10m"')
        gate = self.world.fault("POST", "/things", "gate_after")
        engine.client.start(make())
        gate.wait_reached()
        engine.terminate()
        wait_until(lambda: "stopping" in engine.log(), "it stops")
        engine.terminate()
        self.assertEqual(engine.ended(), 0)


class Stores(harness.EngineTest):
    def filled(self):
        """An engine that was killed after it had acknowledged some workflows."""
        engine = self.engine(*ALL)
        self.ids = [engine.client.start(make("thing", input={"name": f"name-{number}",
                                                             "note": "n" * 2000})) for number in range(20)]
        for id in self.ids:
            engine.client.end_of(id)
        # The floor follows the last commit when commits pause; once it rests, all that was acknowledged lies below it.
        floor, seen = engine.data / "FLOOR", []

        def rests():
            seen.append(floor.read_bytes())
            return len(seen) > 50 and len(set(seen[-50:])) == 1
        wait_until(rests, "the floor rests")
        engine.kill9()
        return engine

    def assert_stays_shut(self, engine, *codes):
        before = files_of(engine.data)
        for _ in range(2):
            code, log = engine.refused()
            self.assertIn(code, codes, log)
            self.assertIn("format 99" if NEWER in codes else str(engine.data), log)
            self.assertEqual(files_of(engine.data), before, "it was left as it was found")

    def assert_whole(self, engine):
        engine.start()
        for id in self.ids:
            self.assertEqual(engine.client.end_of(id)["outcome"], "verified")

    def log_of(self, engine):
        return max(engine.data.glob("*.log"), key=lambda path: path.stat().st_size)

    def test_a_second_engine_on_the_same_store_is_refused(self):
        engine = self.engine(*ALL)
        code, log = self.second(engine)
        self.assertEqual(code, IN_USE, log)
        self.assertIn(str(engine.data), log)
        id = engine.client.start(make())
        self.assertEqual(engine.client.end_of(id)["outcome"], "verified", "the first one is not disturbed")
        engine.kill9()
        self.assertEqual(engine.start().client.workflow(id)["outcome"], "verified")

    def second(self, engine):
        done = subprocess.run(engine.command(), capture_output=True, text=True, timeout=harness.PATIENCE)
        return done.returncode, done.stderr

    def test_a_damaged_write_ahead_log_is_refused_and_left_for_repair(self):
        engine = self.filled()
        log = self.log_of(engine)
        good = log.read_bytes()
        for at in (len(good) // 2, len(good) // 10, 100):
            bad = bytearray(good)
            bad[at:at + 8] = bytes(byte ^ 0xFF for byte in bad[at:at + 8])
            log.write_bytes(bytes(bad))
            with self.subTest(at):
                self.assert_stays_shut(engine, DAMAGED, MISSING)
        log.write_bytes(good)
        self.assert_whole(engine)

    def test_a_log_that_lost_its_acknowledged_end_is_refused(self):
        engine = self.filled()
        log = self.log_of(engine)
        good = log.read_bytes()
        for size in (len(good) // 2, 0):
            log.write_bytes(good[:size])
            with self.subTest(size):
                self.assert_stays_shut(engine, MISSING, DAMAGED)
        log.unlink()
        self.assert_stays_shut(engine, MISSING)
        log.write_bytes(good)
        self.assert_whole(engine)

    def test_a_store_without_its_floor_is_refused(self):
        engine = self.filled()
        floor = engine.data / "FLOOR"
        good = floor.read_bytes()
        floor.unlink()
        self.assert_stays_shut(engine, MISSING)
        floor.write_bytes(bytes(len(good)))
        self.assert_stays_shut(engine, DAMAGED)
        floor.write_bytes(good[:100])
        self.assert_stays_shut(engine, DAMAGED)
        floor.write_bytes(good)
        self.assert_whole(engine)

    def test_a_store_without_its_current_file_is_refused(self):
        engine = self.filled()
        current = engine.data / "CURRENT"
        good = current.read_bytes()
        current.unlink()
        self.assert_stays_shut(engine, MISSING)
        current.write_bytes(good)
        self.assert_whole(engine)

    def test_a_store_of_a_newer_version_is_refused(self):
        engine = self.filled()
        floor = engine.data / "FLOOR"
        good = floor.read_bytes()
        newer = bytearray(good)
        for slot in (0, 4096):
            newer[slot + 12:slot + 16] = (99).to_bytes(4, "big")
            newer[slot + 508:slot + 512] = crc32c(bytes(newer[slot:slot + 508])).to_bytes(4, "big")
        floor.write_bytes(bytes(newer))
        self.assert_stays_shut(engine, NEWER)
        floor.write_bytes(good)
        self.assert_whole(engine)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


if __name__ == "__main__":
    unittest.main()
