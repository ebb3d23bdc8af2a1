import asyncio

import js

text_everywhere = js.eval(
    r"""(async () => {
        const text = "a\ud800b\ud83d\ude00\udc00";
        console.log(text);
        const lines = [];
        const say = (what, found) => lines.push(`${what} ${found}`);
        const thrown = (callback) => { try { return callback() } catch (error) { return error.name } };
        const decode = (bytes) => new TextDecoder().decode(bytes);
        say("response", decode(await new Response(text).arrayBuffer()));
        say("request", decode(await new Request("http://a/", { method: "POST", body: text }).arrayBuffer()));
        say("blob", await new Blob([text]).text());
        say("encoder", decode(new TextEncoder().encode(text)));
        const into = new Uint8Array(100);
        say("into", decode(into.subarray(0, new TextEncoder().encodeInto(text, into).written)));
        const form = new FormData();
        form.set("s", text);
        say("form", form.get("s"));
        const encoded = new Blob([text]).stream().pipeThrough(new TextDecoderStream());
        let all = "";
        for await (const part of encoded) all += part;
        say("stream", all);
        const url = new URL(`http://a/${text}?${text}#${text}`);
        say("url", decodeURIComponent(url.pathname + url.search + url.hash));
        say("search", decodeURIComponent(new URLSearchParams({ s: text })));
        url.pathname = url.search = text;
        say("setters", decodeURIComponent(url.pathname + url.search));
        say("header", thrown(() => new Headers({ name: text }).get("name")));
        say("base64", thrown(() => btoa(text)));
        return lines;
    })"""
)


async def main():
    print("\n".join(await text_everywhere()))


asyncio.run(main())
