"""The client has one face: what it does in this process and over the wire is the same, to the bit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.shot_fakes import ALL, TODAY, fake_analyse, make_identity, make_shot, slow_swap, tools
from tests.pipeline.test_signed_consent import NOW, Desk
from tests.service.crews import FakeCrew
from tests.service.servers import WAYS, client_of, pipeline_handler
from vfx_swap.client import AsyncClient
from vfx_swap.errors import (
    CancelledError,
    ConsentExpiredError,
    ConsentMissingError,
    ConsentRevokedError,
    ConsentSignatureError,
    FramesFailedError,
    IdentityError,
    JobMissingError,
    LimitError,
    MissingInputError,
    PathRefusedError,
    ProtocolError,
    RequestConflictError,
    SettingsError,
    UsageError,
    VfxSwapError,
)
from vfx_swap.pipeline.consent import public_domain_consent
from vfx_swap.pipeline.consent_files import record_of
from vfx_swap.pipeline.ledger import verify_ledger
from vfx_swap.pipeline.revocations import revoke
from vfx_swap.pipeline.shot import render_shot
from vfx_swap.settings import Cast, Shot
from vfx_swap.settings.facility import FACILITY_VARIABLE, load_facility

pytestmark = pytest.mark.parametrize("way", WAYS)
Test = Callable[[AsyncClient], Coroutine[Any, Any, None]]


def run(way: str, folder: Path, test: Test, **more: Any) -> None:
    async def within() -> None:
        async with client_of(way, folder, **more) as client:
            await asyncio.wait_for(test(client), 60)

    asyncio.run(within())


def frames_of(shot: Shot) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(shot.output).parent.glob("*.exr")}


def test_a_shot_has_the_bits_of_the_local_render(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    local = make_shot(folder, out="local/swap.####.exr", layers=("matte", "patch"))
    render_shot(local, today=TODAY, tools=tools())
    shot = make_shot(folder, out="server/swap.####.exr", layers=("matte", "patch"))
    events: list[Any] = []

    async def test(client: AsyncClient) -> None:
        report = await client.render(shot, progress=events.append, chunk_size=2)
        assert report.rendered == ALL
        assert report.tracks == str(folder / "server" / "sh010.tracks.json")
        again = await client.render(shot)
        assert again.skipped == ALL
        assert again.rendered == ()

    run(way, folder, test)
    assert frames_of(shot) == frames_of(local)
    assert len(frames_of(shot)) == len(ALL)
    assert sorted(event.frame for event in events if event.kind == "frame_done") == list(ALL)
    assert events[-1].kind == "finished"


def test_a_frame_that_fails_is_named(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)
    (folder / "plates" / "plate.0003.exr").write_bytes(b"not a picture")

    async def test(client: AsyncClient) -> None:
        with pytest.raises(FramesFailedError) as caught:
            await client.render(shot)
        assert [one.frame for one in caught.value.failures] == [3]
        [job] = await client.jobs()
        assert job.state == "failed"
        assert [one.frame for one in job.failed] == [3]
        assert job.frames_rendered == len(ALL) - 1

    run(way, folder, test)
    assert len(frames_of(shot)) == len(ALL) - 1


def test_all_problems_of_a_shot_come_at_once(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)
    values = {**shot.model_dump(by_alias=True, exclude_none=True), "engine": "nothing", "frames": "1-99"}

    async def test(client: AsyncClient) -> None:
        with pytest.raises(SettingsError) as caught:
            await client.submit(values)
        assert {"engine", "frames"} <= {problem.key for problem in caught.value.problems}
        assert await client.jobs() == ()

    run(way, folder, test)


def test_consent_is_asked_for(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)
    make_identity(folder / "who.identity", with_consent=False)

    async def without(client: AsyncClient) -> None:
        with pytest.raises((ConsentMissingError, SettingsError)):
            await client.submit(shot)

    run(way, folder, without)
    make_identity(folder / "who.identity", consent=public_domain_consent(performer="p", statement="s"))

    async def expired(client: AsyncClient) -> None:
        with pytest.raises(ConsentExpiredError):
            await client.submit(shot)

    run(way, folder, expired, today=lambda: date(9999, 12, 31))


def test_a_facility_s_policy_holds_on_the_server_and_its_refusals_are_on_record(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, desk = tmp_path / "show", Desk(tmp_path)
    shot = make_shot(folder)
    monkeypatch.setenv(FACILITY_VARIABLE, str(desk.file))
    rest = '[ledger]\nfile = "usage.jsonl"'
    desk.write('revocations = "revoked.jws"', rest)
    listed, facility = tmp_path / "revoked.jws", load_facility(desk.file)
    revoke({}, path=listed, key=desk.keys["facility"], facility=facility, now=NOW)
    pack = Path(shot.cast[0].identity)

    async def unsigned(client: AsyncClient) -> None:
        with pytest.raises(ConsentSignatureError, match="nobody signed it"):
            await client.submit(shot)

    run(way, folder, unsigned)
    make_identity(pack, consent=record_of(desk.signed("studio", "facility")))

    async def by_another_role(client: AsyncClient) -> None:
        with pytest.raises(ConsentSignatureError, match="is not signed by the performer"):
            await client.submit(shot)

    run(way, folder, by_another_role)
    make_identity(pack, consent=record_of(desk.signed("performer", "facility")))

    async def signed(client: AsyncClient) -> None:
        assert (await client.render(shot, frames="2")).rendered == (2,)

    run(way, folder, signed)
    revoke({record_of(desk.record).id: TODAY}, path=listed, key=desk.keys["facility"], facility=facility, now=NOW)

    async def revoked(client: AsyncClient) -> None:
        with pytest.raises(ConsentRevokedError, match="was revoked"):
            await client.submit(shot)

    run(way, folder, revoked)
    lines = [json.loads(line) for line in (tmp_path / "usage.jsonl").read_text().splitlines()]
    refusals = [line["reason"] for line in lines if line["event"] == "refused"]
    assert refusals == ["ConsentSignatureError", "ConsentSignatureError", "ConsentRevokedError"]
    assert [line["frames"] for line in lines if line["event"] == "rendered"] == ["2"]
    assert verify_ledger(tmp_path / "usage.jsonl").number == len(lines)


def test_a_cancelled_render_ends_and_can_be_resumed(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)
    wish: list[bool] = []
    crew = FakeCrew(pipeline_handler(tools(swap_frame=slow_swap(0.2))))

    async def test(client: AsyncClient) -> None:
        def progress(event: Any) -> None:
            if event.kind == "frame_done":
                wish.append(True)

        with pytest.raises(CancelledError):
            await client.render(shot, progress=progress, cancelled=lambda: bool(wish), chunk_size=6)
        [job] = await client.jobs(states=("cancelled",))
        assert 0 < job.frames_rendered < len(ALL)
        await client.resume(job.id)
        async for _ in client.watch(job.id, after=job.last_event):
            pass
        assert (await client.job(job.id)).state == "succeeded"
        report = await client.result(job.id)
        assert sorted({*report.rendered, *report.skipped}) == list(ALL)

    run(way, folder, test, crew=crew)
    assert len(frames_of(shot)) == len(ALL)


def test_request_ids_and_jobs_that_are_not_there(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)

    async def test(client: AsyncClient) -> None:
        one = await client.submit(shot, request_id="a")
        two = await client.submit(shot, request_id="a")
        assert one.id == two.id
        assert one.shot["name"] == "sh010"
        with pytest.raises(RequestConflictError):
            await client.submit(shot, request_id="a", overwrite=True)
        with pytest.raises(JobMissingError):
            await client.job("nothing")
        with pytest.raises(JobMissingError):
            await client.cancel("nothing")
        with pytest.raises(JobMissingError):
            async for _ in client.watch("nothing"):
                pass

    run(way, folder, test)


def test_no_face_ends_the_job_with_its_error(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)
    crew = FakeCrew(pipeline_handler(tools(analyse=fake_analyse(faces=False))))

    async def test(client: AsyncClient) -> None:
        with pytest.raises(VfxSwapError) as caught:
            await client.render(shot)
        assert type(caught.value).__name__ == "NoFaceError"

    run(way, folder, test, crew=crew)


def test_identities_are_kept_shown_used_and_forgotten(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)
    pack = folder / "who.identity"

    async def test(client: AsyncClient) -> None:
        made = await client.create_identity("lead", [pack])
        assert made.name == "identities/lead"
        assert (made.consent_state, made.references) == ("valid", 1)
        assert await client.identities() == (made,)
        assert await client.identity("lead") == made
        with pytest.raises(RequestConflictError):
            await client.create_identity("lead", [pack])
        assert (await client.create_identity("lead", [pack], replace=True)).sha256 == made.sha256
        casting = shot.model_copy(update={"cast": (Cast(position="largest", identity="identities/lead"),)})
        report = await client.render(casting)
        assert report.rendered == ALL
        await client.delete_identity("lead")
        assert await client.identities() == ()
        with pytest.raises(MissingInputError):
            await client.identity("lead")
        with pytest.raises(MissingInputError):
            await client.submit(casting)

    run(way, folder, test)


def test_no_identity_is_kept_without_consent(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    folder.mkdir()
    bare = Path(make_identity(folder / "bare.identity", with_consent=False))
    photograph = folder / "photo.jpg"
    photograph.write_bytes(b"x" * 100)
    state = tmp_path / "show-state" / "identities"

    async def test(client: AsyncClient) -> None:
        with pytest.raises(ConsentMissingError):
            await client.create_identity("lead", [bare])
        with pytest.raises(ConsentMissingError):
            await client.create_identity("lead", [photograph])
        with pytest.raises(UsageError):
            await client.create_identity("../lead", [bare])
        with pytest.raises(UsageError):
            await client.create_identity("lead", [])
        broken = folder / "broken.identity"
        broken.write_bytes(b"PK not a pack")
        with pytest.raises(IdentityError):
            await client.create_identity("lead", [broken])
        large = folder / "large.identity"
        large.write_bytes(bytes(70_000))
        with pytest.raises(LimitError):
            await client.create_identity("lead", [large])
        assert await client.identities() == ()

    from vfx_swap.service.settings import Limits

    run(way, folder, test, limits=Limits(upload_bytes=65536))
    assert [path.name for path in state.iterdir()] == [".uploads"]
    assert list((state / ".uploads").iterdir()) == []


def test_options_models_and_info(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    folder.mkdir()

    async def test(client: AsyncClient) -> None:
        options = await client.options()
        assert options.engines[0] == "reprojection"
        knobs = {one.key: one for one in options.options}
        stops = knobs["lighting.exposure_stops"]
        assert (stops.kind, stops.minimum, stops.maximum, stops.unit, stops.default) == ("number", -20, 20, "stops", 0)
        assert knobs["engine"].choices == options.engines
        assert "stmap" in knobs["write.layers"].choices
        assert "plate" not in knobs
        models = {one.id: one for one in await client.models()}
        assert not models["simswap-224"].paid_work_allowed
        info = await client.info()
        assert info.who == "local"
        assert len(info.devices) == 2
        assert info.chunk_bytes == 1 << 20
        with pytest.raises(UsageError, match="nothing"):
            await client.load_model("nothing")

    run(way, folder, test)


def test_a_job_that_has_not_ended_has_no_result(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)
    crew = FakeCrew(pipeline_handler(tools(swap_frame=slow_swap(0.2))))

    async def test(client: AsyncClient) -> None:
        job = await client.submit(shot)
        with pytest.raises(ProtocolError):
            await client.result(job.id)
        await client.cancel(job.id)

    run(way, folder, test, crew=crew)


def test_paths_outside_the_roots(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    folder.mkdir()
    shot = make_shot(tmp_path / "elsewhere")

    async def test(client: AsyncClient) -> None:
        if way == "in process":  # this process may do what its user may
            assert (await client.render(shot)).rendered == ALL
            return
        with pytest.raises(PathRefusedError, match="plate"):
            await client.submit(shot)

    run(way, folder, test)


def test_the_log_of_the_render_names_no_owner(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)

    async def test(client: AsyncClient) -> None:
        await client.render(shot)

    run(way, folder, test)
    log = json.loads((Path(shot.output).parent / "sh010.render.json").read_text(encoding="utf-8"))
    assert "local" not in json.dumps(log)
