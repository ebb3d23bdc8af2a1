import uuid

NODE = uuid.uuid4().hex
