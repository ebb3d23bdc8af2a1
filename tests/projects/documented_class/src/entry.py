"""An entrypoint that is a class."""

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"{request.method} for {self.env.NAME}\n")
