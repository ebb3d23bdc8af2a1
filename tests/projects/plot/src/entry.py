"""matplotlib: a figure as a PNG. Its import writes a list of fonts over that of its package, which is of another version."""

import io
from pathlib import Path

import matplotlib
from js import URL, Response
from pyodide.ffi import to_js

matplotlib.use("agg")

from matplotlib import font_manager, pyplot


def drawn():
    figure, axes = pyplot.subplots(figsize=(2, 1), dpi=100)
    axes.set_position([0, 0, 1, 1])
    axes.set_xlim(0, 200)
    axes.set_ylim(0, 100)
    axes.set_axis_off()
    axes.add_patch(pyplot.Rectangle((0, 0), 100, 50, color="red", linewidth=0))
    axes.add_patch(pyplot.Rectangle((100, 50), 100, 50, color="#0000ff", linewidth=0))
    axes.text(10, 62, "Taipan", fontsize=24, family="DejaVu Sans", color="black")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    pyplot.close(figure)
    return file.getvalue()


async def on_fetch(request):
    match URL.new(request.url).pathname:
        case "/figure.png":
            return Response.new(to_js(drawn()), headers={"content-type": "image/png"})
        case "/fonts":
            written = font_manager.json_load(Path(font_manager.__file__).with_name("fontlist.json"))
            return Response.new(str(written._version == font_manager.FontManager.__version__))
