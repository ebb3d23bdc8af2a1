"""Django in one file: settings, routes, a form, a template, its ORM on SQLite in memory."""

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="of the test",
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()

from django import forms
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.template import Context, Template
from django.urls import path
from workers import wsgi


class Order(forms.Form):
    name = forms.CharField(max_length=5)
    count = forms.IntegerField(min_value=1)


def index(request, name):
    page = Template("{% for letter in name|upper %}{{ letter }}{% if not forloop.last %}-{% endif %}{% endfor %}")
    return HttpResponse(page.render(Context({"name": name})))


def order(request):
    form = Order(request.POST)
    if form.is_valid():
        return JsonResponse(form.cleaned_data)
    return JsonResponse(form.errors, status=400)


def again(request):
    from django.core.paginator import Paginator

    return HttpResponse(str(list(Paginator(range(10), 3).get_page(2))))


urlpatterns = [path("hello/<str:name>", index), path("order", order), path("again", again)]
app = get_wsgi_application()

Default = wsgi.entrypoint(app)
