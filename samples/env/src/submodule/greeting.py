"""Plain Python, which knows nothing of requests."""


def greet(greeting, people, secret):
    lines = [f"{greeting}, {person}!" for person in people]
    lines.append(f"The secret has {len(secret)} letters.")
    return "\n".join(lines) + "\n"
