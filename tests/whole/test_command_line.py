"""The verbs as a person or a stranger's script has them: exit codes, what is said, JSON."""

import json
import subprocess
import sys

import pytest
from conftest import engine, filial, toy, toy_file, until  # type: ignore[import-not-found]

from engine import processes
from engine.run import Observer
from engine.train import train


def test_that_a_lineage_is_trained_told_and_compared(workspace, tmp_path):
    recipe = toy_file(tmp_path, "seeds=[0, 1]")
    done = filial("train", recipe, "--runs", workspace.folder)
    assert done.returncode == 0, done.stderr
    assert "toy-s1-F1 completed" in done.stdout
    again = filial("train", recipe, "--runs", workspace.folder)
    assert again.returncode == 0 and "4 runs of 4 complete already" in again.stdout
    rows = json.loads(filial("status", workspace.folder, "--json").stdout)
    assert [row["run"] for row in rows] == ["toy-s0-F0", "toy-s0-F1", "toy-s1-F0", "toy-s1-F1"]
    first, second = rows[:2]
    wanted = "run lineage generation seed method teacher state reason attempt step total_steps epoch values best altered"
    assert set(wanted.split()) <= set(first)
    assert (first["method"], first["teacher"], second["method"], second["teacher"]) == ("supervised", None, "ban", "toy-s0-F0")
    assert {row["state"] for row in rows} == {"finished"} and {row["reason"] for row in rows} == {"completed"}
    named = {"val/accuracy", "test/accuracy", "test/nll", "test/ece", "agreement/top1", "errors/inherited", "errors/new"}
    assert named <= set(second["values"]) and all(0 <= second["values"][name] <= 1 for name in named if "nll" not in name)
    one = json.loads(filial("status", "toy-s0-F1", "--runs", workspace.folder, "--json").stdout)
    assert one == [second]
    compared = json.loads(filial("compare", "--runs", workspace.folder, "--json").stdout)
    assert [row["name"] for row in compared["generations"]] == ["F0", "F1"]
    assert compared["generations"][1]["per_seed"] == [row["values"]["test/accuracy"] for row in (rows[1], rows[3])]
    assert "no verdict" in compared["headline"] or "no verdict" in compared["verdicts"][0]["words"]
    assert "F0" in filial("compare", "--runs", workspace.folder, "--members", "F0,F1").stdout


def test_that_another_recipe_under_the_same_name_is_refused_with_the_two_ways_out(workspace, tmp_path):
    workspace.create(toy())
    refused = filial("train", toy_file(tmp_path, "optimizer.lr=0.5"), "--runs", workspace.folder)
    assert refused.returncode == 2
    assert "optimizer.lr is 0.05 there and 0.5 here" in refused.stderr
    assert "--set lineage=NAME" in refused.stderr and "move" in refused.stderr


def test_that_every_refused_field_of_a_recipe_is_named_at_once(workspace, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('lineage = "x"\n[training]\nepochs = 0\nbatch = "many"\n[model]\nname = "smal_cnn"\n')
    refused = filial("train", path, "--runs", workspace.folder)
    assert refused.returncode == 2
    for part in (
        "training.epochs: 0 is outside",
        "training.batch: 'many'",
        "model.name: unknown model 'smal_cnn'",
        "small_cnn",
    ):
        assert part in refused.stderr
    assert workspace.runs() == []


def test_that_a_timm_name_is_checked_against_timms_own_list_before_any_folder_is_made(workspace, tmp_path):
    refused = filial(
        "train", toy_file(tmp_path), "--runs", workspace.folder, "--set", 'model={name="timm", variant="resnet19"}'
    )
    assert refused.returncode == 2 and "model.variant" in refused.stderr and "resnet18" in refused.stderr
    assert workspace.runs() == []


def test_that_a_wrong_name_of_a_run_is_answered_with_the_nearest(workspace):
    workspace.create(toy())
    refused = filial("stop", "toy-s0-F2", "--runs", workspace.folder)
    assert refused.returncode == 2 and "toy-s0-F1" in refused.stderr


def test_that_stop_pause_kill_and_resume_do_what_they_say(workspace):
    run = workspace.create(toy("generations=0", "method.name=supervised", "training.epochs=300", "keep.every_epochs=20"))[0]
    where = ("--runs", workspace.folder)
    assert filial("stop", run.name, *where).returncode == 2
    process = engine(run)
    until(lambda: run.state().step > 2, process)
    assert filial("pause", run.name, *where).returncode == 0
    assert process.wait(60) == 130
    assert Observer().state_of(run) == "paused"
    process = engine(run)
    until(lambda: run.state().attempt == 2 and run.state().attempts[-1].stepped, process)
    before = run.state().step
    assert filial("stop", run.name, "--when", "epoch", *where).returncode == 0
    assert process.wait(60) == 130
    state = run.state()
    assert state.finished.reason == "stopped" and state.step % 3 == 0 and state.step >= before
    process = engine(run)
    until(lambda: run.state().attempt == 3 and run.state().attempts[-1].stepped, process)
    killed = filial("kill", run.name, *where)
    assert killed.returncode == 0 and "resume" in killed.stdout
    process.wait(60)
    assert Observer().state_of(run) == "lost"
    assert filial("resume", run.name, *where).returncode == 0
    assert run.state().completed


def test_that_two_engines_never_train_one_run(workspace):
    run = workspace.create(toy("generations=0", "method.name=supervised", "training.epochs=500"))[0]
    process = engine(run)
    until(lambda: run.state().step > 2, process)
    second = filial("train", "--run", run.folder)
    assert second.returncode == 2 and "is at work in process" in second.stderr
    run.kill()
    process.wait(60)


def test_that_help_and_status_never_import_torch(workspace):
    workspace.create(toy())
    check = "import sys; sys.argv[0]='filial'\nfrom engine.__main__ import main\n"
    check += "try: main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules and 'PySide6' not in sys.modules"
    there = ["--runs", str(workspace.folder)]
    for arguments in (["--help"], ["status", *there], ["stop", "x", *there], ["compare", *there]):
        assert subprocess.run([sys.executable, "-c", check, *arguments], capture_output=True, check=False).returncode == 0


def test_that_a_comma_locale_changes_no_number(workspace, tmp_path):
    locales = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    if "de_DE" not in locales:
        pytest.skip("this machine has no de_DE locale")
    environment = {**processes.environment(), "LC_ALL": "de_DE.UTF-8"}
    recipe = toy_file(tmp_path, "generations=0", "method.name=supervised")
    command = processes.python("engine", "train", str(recipe), "--runs", str(workspace.folder))
    assert subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 0
    assert json.loads((workspace.folder / "toy-s0-F0" / "events.jsonl").read_text().splitlines()[-1])["reason"] == "completed"


def test_that_doctor_names_versions_device_and_workspace(tmp_path):
    done = filial("doctor", "--runs", tmp_path / "new")
    assert done.returncode == 0
    for part in ("torch", "PySide6", "cpu", "iB/s"):
        assert part in done.stdout


@pytest.mark.parametrize(
    "qt, python, said", [("6.12.0", (3, 11), "repainting"), ("6.11.1", (3, 12), "docks"), ("6.11.3", (3, 11), "")]
)
def test_that_known_bad_versions_are_named(qt, python, said):
    from engine.doctor import known_bad

    found = list(known_bad({"PySide6-Essentials": qt}, python))
    assert bool(found) == bool(said) and all(said in finding for _, _, finding in found)


def test_that_a_failed_teacher_blocks_its_student_and_no_other_seed(workspace, tmp_path, monkeypatch):
    runs = workspace.create(toy("seeds=[0, 1]"))
    (runs[0].folder / "data.json").write_text("{}")  # another data set than the run's: it must fail
    done = filial("train", toy_file(tmp_path, "seeds=[0, 1]"), "--runs", workspace.folder)
    assert done.returncode == 1
    states = [Observer().state_of(run) for run in runs]
    assert states == ["finished", "blocked", "finished", "finished"]
    assert runs[0].state().finished.reason == "failed" and runs[3].state().completed


def test_that_an_unbroken_run_is_the_same_in_this_process_and_in_its_own(workspace, tmp_path):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    assert train(run) == 0
    other = workspace.create(toy("generations=0", "method.name=supervised", "lineage=other"))[0]
    assert engine(other).wait(120) == 0
    paths = [one.folder / "checkpoints" / "step-00000009" / "model.safetensors" for one in (run, other)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
