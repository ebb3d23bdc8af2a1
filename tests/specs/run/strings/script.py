import js

LONE = "a\U0001f600\ud83d"
TEXTS = ["", "a", "\xe9", "\xff\x80", "\u20ac", "\ud800", "\udc00\ud800", "\U0001f600", LONE, "x" * 300, "\u20ac" * 300]
TEXTS += ["\U0010ffff\0z"]

same = js.eval("(text) => text")
units = js.eval("(text) => Array.from({ length: text.length }, (_, index) => text.charCodeAt(index))")
wrong = []
for text in TEXTS:
    encoded = text.encode("utf-16-le", "surrogatepass")
    expected = [int.from_bytes(encoded[index : index + 2], "little") for index in range(0, len(encoded), 2)]
    if same(text) != text or list(units(text)) != expected:
        wrong.append(text)
print(len(TEXTS), "texts there and back, wrong:", ascii(wrong))

# As the engine holds them: joined, cut, wide units that are narrow characters.
for source, expected in {
    r"'\ud83d' + '\ude00'": "\U0001f600",
    "'ab\u20ac'.slice(0, 2)": "ab",
    "('x'.repeat(40) + '\xff'.repeat(40)).slice(39, 41)": "x\xff",
    "let all = ''; for (let part = 0; part < 1000; part++) all += `${part},`; all": "".join(f"{part}," for part in range(1000)),
}.items():
    print(js.eval(source) == expected, source[:30])
