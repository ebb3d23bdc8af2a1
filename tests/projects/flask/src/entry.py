"""Flask with templates of jinja2 and a session; MarkupSafe is built from source."""

from flask import Flask, jsonify, render_template_string, request, session
from workers import wsgi

app = Flask("shop")
app.secret_key = "of the test"
PAGE = "{% for item in items %}<li>{{ loop.index }} {{ item }}</li>{% else %}none{% endfor %}"


@app.get("/")
def index():
    return render_template_string(PAGE, items=request.args.getlist("item"))


@app.post("/json")
def json():
    return jsonify(sorted(request.json.items())), 201


@app.get("/session")
def count():
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


@app.get("/again")
def again():
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment().from_string("{{ 6 * 7 }}").render()

Default = wsgi.entrypoint(app)
