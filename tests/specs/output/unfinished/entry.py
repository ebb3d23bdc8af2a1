from js import Response


def on_fetch(request):
    print("one", end=" ")
    print("two\nthree", end="")
    return Response.new("")
