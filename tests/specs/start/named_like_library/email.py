import http.client
from email.message import EmailMessage

from js import Response


async def on_fetch(request):
    message = EmailMessage()
    message["Subject"] = "hello"
    return Response.new(f"{__name__} at {__file__}\n{message}{http.client.__package__}")
