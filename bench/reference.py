"""What `exportstream render` encodes, without loss: `python -m bench.reference PROJECT FPS QUALITY OUT`.

It draws and composes as the stages do, and writes each frame to an FFmpeg that loses nothing.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import imageio_ffmpeg

from bench.peers import COLORS
from connectors.decoder import SandboxedDecoder
from exportstream.config import Settings
from exportstream.wiring import local_store, make_stages
from processors.plans import PlanCache
from processors.resources import ResourcePool
from processors.stage import TaskContext
from renderers.composing.compose import Compositor
from renderers.drawing.raster import draw_layer
from schemas import keys
from schemas.messages import DEFAULT_TENANT, ExportRequest


def main(project: str, fps: str, quality: str, out: str) -> None:
    """Write the lossless video of a project."""
    document = Path(project).read_bytes()
    settings = Settings.from_environ({})
    asked = {"fps": int(fps), "quality": quality, "includeAudio": False}
    with tempfile.TemporaryDirectory() as folder:
        store = local_store(Path(folder) / "store")
        key = keys.project_key(DEFAULT_TENANT, hashlib.sha256(document).hexdigest())
        store.put(key, document)
        request = ExportRequest(
            job_id="frames", format="mp4", settings=asked, project_key=key, source="bench"
        )
        context = TaskContext(check=lambda: None, emit=lambda outgoing: None, now=lambda: datetime.now(UTC))
        decoder = SandboxedDecoder()
        base = Path(project).resolve().parent
        (plan,) = make_stages(settings, store, Path(folder), ("plan",), base=base, decoder=decoder)
        list(plan.handle(request, context))
        view = PlanCache(store, settings.limits).get(keys.plan_key(DEFAULT_TENANT, request.job_id))
        resources = ResourcePool(store).of(view.plan.assets, view.subject.project.fonts)
        picture = view.timeline.canvas
        size = f"{picture.width}x{picture.height}"
        command = [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p"),
            *("-s", size, "-r", fps, *COLORS, "-color_range", "tv", "-i", "-"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", *COLORS, out),
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            timeline = view.timeline
            for chunk in view.plan.chunks:
                whole = chunk.model_copy(
                    update={"first_frame": chunk.begin, "frames": len(chunk.lead) + chunk.frames}
                )
                drawn = timeline.layers(whole)
                layers = {
                    layer.key: draw_layer(
                        layer, view.subject.project, picture, resources.image, resources.fonts
                    )
                    for layer in drawn
                }
                compositor = Compositor(picture, layers, {layer.key: layer.blend_mode for layer in drawn})
                states = timeline.states(whole)
                for state in [*states, *states[-1:] * chunk.hold]:
                    process.stdin.write(compositor.frame(state).data)
            process.stdin.close()
        decoder.close()


if __name__ == "__main__":
    main(*sys.argv[1:5])
