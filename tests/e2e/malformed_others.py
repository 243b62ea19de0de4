"""Wrong requests in the dialects of Anthropic, Gemini and Bedrock, and for embeddings and counts."""
from malformed import MISSING, Bare, Unknown


def msg_base():
    return {"model": "M", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def msg_tools():
    return {"model": "M", "max_tokens": 50, "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "messages": [{"role": "user", "content": "hi"},
                         {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
                         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "1"}]}]}


def block(part, inside=""):
    """A block of the user's message."""
    return msg_base, "/messages/0/content", [part], "/messages/0/content/0" + inside


def image(source, inside=""):
    return block({"type": "image", "source": source}, "/source" + inside)


MESSAGES = {
    "messages is missing": (msg_base, "/messages", MISSING, "="),
    "messages is a string": (msg_base, "/messages", "hi", "="),
    "messages is empty": (msg_base, "/messages", [], "="),
    "a message is a number": (msg_base, "/messages/0", 1, "="),
    "no role": (msg_base, "/messages/0/role", MISSING, "="),
    "role is a number": (msg_base, "/messages/0/role", 1, "="),
    "unknown role": (msg_base, "/messages/0/role", Unknown("tool"), "="),
    "content is missing": (msg_base, "/messages/0/content", MISSING, "="),
    "content is a number": (msg_base, "/messages/0/content", 1, "="),
    "content is an object": (msg_base, "/messages/0/content", {}, "="),
    "a block is a string": block("hi"),
    "a block without type": block({"text": "x"}, "/type"),
    "a block's type is a number": block({"type": 1}, "/type"),
    "text is missing": block({"type": "text"}, "/text"),
    "text is a list": block({"type": "text", "text": []}, "/text"),
    "citations is a string": block({"type": "text", "text": "x", "citations": "y"}, "/citations"),
    "image without source": block({"type": "image"}, "/source"),
    "source is a string": image("x"),
    "source without type": image({"data": "AAAA"}, "/type"),
    "unknown source": (msg_base, "/messages/0/content", Unknown([{"type": "image", "source": {"type": "dream"}}]),
                       "/messages/0/content/0/source/type"),
    "source without data": image({"type": "base64", "media_type": "image/png"}, "/data"),
    "source without media type": image({"type": "base64", "data": "AAAA"}, "/media_type"),
    "data is empty": image({"type": "base64", "media_type": "image/png", "data": ""}, "/data"),
    "data is no base64": image({"type": "base64", "media_type": "image/png", "data": "?"}, "/data"),
    "data goes on behind its end": image({"type": "base64", "media_type": "image/png", "data": "AA==AAAA"}, "/data"),
    "data is a number": image({"type": "base64", "media_type": "image/png", "data": 7}, "/data"),
    "source without url": image({"type": "url"}, "/url"),
    "an empty url": image({"type": "url", "url": ""}, "/url"),
    "document data is no base64": block({"type": "document", "source": {
        "type": "base64", "media_type": "application/pdf", "data": "%PDF-1.4"}}, "/source/data"),
    "a document's content is a number": block({"type": "document", "source": {"type": "content", "content": 4}},
                                              "/source/content"),
    "a title is a number": block({"type": "document", "title": 5, "source": {"type": "url", "url": "https://a/b"}}, "/title"),
    "a call in a user's turn": block({"type": "tool_use", "id": "t", "name": "f", "input": {}}, "/type"),
    "thinking in a user's turn": block({"type": "thinking", "thinking": "x", "signature": "y"}, "/type"),
    "cache_control is a string": block({"type": "text", "text": "x", "cache_control": "yes"}, "/cache_control"),
    "ttl is a number": block({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": 5}},
                             "/cache_control/ttl"),
    "unknown ttl": (msg_base, "/messages/0/content",
                    Unknown([{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "9h"}}]),
                    "/messages/0/content/0/cache_control/ttl"),
    "model is a list": (msg_base, "/model", [], "="),
    "model is missing": (msg_base, "/model", MISSING, "="),
    "model is empty": (msg_base, "/model", "", "="),
    "max_tokens is missing": (msg_base, "/max_tokens", MISSING, "="),
    "max_tokens is null": (msg_base, "/max_tokens", None, "="),
    "max_tokens is a string": (msg_base, "/max_tokens", "5", "="),
    "max_tokens is negative": (msg_base, "/max_tokens", -1, "="),
    "max_tokens is a fraction": (msg_base, "/max_tokens", 0.5, "="),
    "max_tokens is huge": (msg_base, "/max_tokens", Bare("9" * 400), "="),
    "stream is a string": (msg_base, "/stream", "true", "="),
    "system is a number": (msg_base, "/system", 1, "="),
    "system holds a number": (msg_base, "/system", [1], "/system/0"),
    "system holds a block without text": (msg_base, "/system", [{"type": "text"}], "/system/0/text"),
    "temperature is a string": (msg_base, "/temperature", "x", "="),
    "temperature is beyond a number": (msg_base, "/temperature", Bare("1e400"), "="),
    "top_p is a list": (msg_base, "/top_p", [], "="),
    "top_k is a string": (msg_base, "/top_k", "5", "="),
    "stop_sequences is a string": (msg_base, "/stop_sequences", "x", "="),
    "stop_sequences holds a number": (msg_base, "/stop_sequences", ["a", 1], "/stop_sequences/1"),
    "service_tier is a number": (msg_base, "/service_tier", 1, "="),
    "metadata is a string": (msg_base, "/metadata", "x", "="),
    "user_id is a number": (msg_base, "/metadata", {"user_id": 1}, "/metadata/user_id"),
    "thinking is a string": (msg_base, "/thinking", "on", "="),
    "thinking without type": (msg_base, "/thinking", {"budget_tokens": 5}, "/thinking/type"),
    "unknown thinking": (msg_base, "/thinking", Unknown({"type": "hard"}), "/thinking/type"),
    "thinking without budget": (msg_base, "/thinking", {"type": "enabled"}, "/thinking/budget_tokens"),
    "thinking budget is a string": (msg_base, "/thinking", {"type": "enabled", "budget_tokens": "x"},
                                    "/thinking/budget_tokens"),
    "output_config is a string": (msg_base, "/output_config", "x", "="),
    "effort is a number": (msg_base, "/output_config", {"effort": 1}, "/output_config/effort"),
    "unknown effort": (msg_base, "/output_config", Unknown({"effort": "heroic"}), "/output_config/effort"),
    "a format without schema": (msg_base, "/output_config", {"format": {"type": "json_schema"}},
                                "/output_config/format/schema"),
    "a schema is a string": (msg_base, "/output_config", {"format": {"type": "json_schema", "schema": "{}"}},
                             "/output_config/format/schema"),
    "tools is a string": (msg_base, "/tools", "f", "="),
    "a tool is a number": (msg_base, "/tools", [1], "/tools/0"),
    "a tool without name": (msg_base, "/tools", [{"input_schema": {"type": "object"}}], "/tools/0/name"),
    "a tool's name is empty": (msg_base, "/tools", [{"name": "", "input_schema": {"type": "object"}}], "/tools/0/name"),
    "a tool without schema": (msg_base, "/tools", [{"name": "f"}], "/tools/0/input_schema"),
    "input_schema is a string": (msg_base, "/tools", [{"name": "f", "input_schema": "x"}], "/tools/0/input_schema"),
    "two tools of one name": (msg_base, "/tools", [{"name": "f", "input_schema": {}}, {"name": "\u0066", "input_schema": {}}],
                              "/tools/1/name"),
    "strict is a string": (msg_tools, "/tools/0/strict", "yes", "="),
    "tool_choice is a string": (msg_tools, "/tool_choice", "auto", "="),
    "tool_choice without type": (msg_tools, "/tool_choice", {}, "/tool_choice/type"),
    "unknown tool_choice": (msg_tools, "/tool_choice", Unknown({"type": "maybe"}), "/tool_choice/type"),
    "tool_choice without name": (msg_tools, "/tool_choice", {"type": "tool"}, "/tool_choice/name"),
    "tool_choice of a tool that is not there": (msg_tools, "/tool_choice", {"type": "tool", "name": "g"}, "/tool_choice/name"),
    "tool_choice without tools": (msg_base, "/tool_choice", {"type": "any"}, "="),
    "disable_parallel_tool_use is a string": (msg_tools, "/tool_choice", {"type": "auto", "disable_parallel_tool_use": "y"},
                                              "/tool_choice/disable_parallel_tool_use"),
    "tool_use without id": (msg_tools, "/messages/1/content/0/id", MISSING, "="),
    "tool_use id is a number": (msg_tools, "/messages/1/content/0/id", 1, "="),
    "tool_use without name": (msg_tools, "/messages/1/content/0/name", MISSING, "="),
    "tool_use without input": (msg_tools, "/messages/1/content/0/input", MISSING, "="),
    "tool_use input is a string": (msg_tools, "/messages/1/content/0/input", "{}", "="),
    "tool_use without result": (msg_tools, "/messages/2/content", "and?", "/messages/1/content/0"),
    "one of two without result": (msg_tools, "/messages/1/content", [
        {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
        {"type": "tool_use", "id": "t2", "name": "f", "input": {}}], "/messages/1/content/1"),
    "tool_result without id": (msg_tools, "/messages/2/content/0/tool_use_id", MISSING, "="),
    "tool_result without its call": (msg_tools, "/messages/2/content/0/tool_use_id", "t9", "="),
    "tool_result content is a number": (msg_tools, "/messages/2/content/0/content", 1, "="),
    "tool_result in the assistant's turn": (msg_tools, "/messages/2/role", "assistant", "/messages/2/content/0/type"),
    "is_error is a string": (msg_tools, "/messages/2/content/0/is_error", "no", "="),
}


def gem_base():
    return {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def gem_tools():
    return {"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
            "contents": [{"role": "user", "parts": [{"text": "hi"}]},
                         {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "f", "args": {}},
                                                      "thoughtSignature": "c2lnbg=="}]},
                         {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "f",
                                                                          "response": {"output": "1"}}}]}]}


def part(value, inside=""):
    """A part of the user's content."""
    return gem_base, "/contents/0/parts", [value], "/contents/0/parts/0" + inside


def setting(name, value, inside=None):
    """A member of generationConfig."""
    return gem_base, "/generationConfig", {name: value}, "/generationConfig/" + (inside or name)


CALLING = "/toolConfig/functionCallingConfig"

GEMINI = {
    "contents is missing": (gem_base, "/contents", MISSING, "="),
    "contents is null": (gem_base, "/contents", None, "="),
    "contents is a string": (gem_base, "/contents", "hi", "="),
    "contents is empty": (gem_base, "/contents", [], "="),
    "a content is a string": (gem_base, "/contents/0", "hi", "="),
    "role is a number": (gem_base, "/contents/0/role", 1, "="),
    "unknown role": (gem_base, "/contents/0/role", Unknown("tool"), "="),
    "parts is a string": (gem_base, "/contents/0/parts", "hi", "="),
    "parts is an object": (gem_base, "/contents/0/parts", {"text": "hi"}, "="),
    "a part is a string": part("hi"),
    "a part is null": part(None),
    "a part is empty": part({}),
    "a part of two kinds": part({"text": "x", "inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
    "text is a number": part({"text": 1}, "/text"),
    "thought is a string": part({"text": "x", "thought": "yes"}, "/thought"),
    "thoughtSignature is a number": part({"text": "x", "thoughtSignature": 1}, "/thoughtSignature"),
    "inlineData is a string": part({"inlineData": "AAAA"}, "/inlineData"),
    "inlineData without type": part({"inlineData": {"data": "AAAA"}}, "/inlineData/mimeType"),
    "inlineData without data": part({"inlineData": {"mimeType": "image/png"}}, "/inlineData/data"),
    "data is empty": part({"inlineData": {"mimeType": "image/png", "data": ""}}, "/inlineData/data"),
    "data is no base64": part({"inlineData": {"mimeType": "image/png", "data": "!!!!"}}, "/inlineData/data"),
    "data has too many ends": part({"inlineData": {"mimeType": "image/png", "data": "A==="}}, "/inlineData/data"),
    "data in snake case": part({"inline_data": {"mime_type": "image/png", "data": "?"}}, "/inline_data/data"),
    "fileData without uri": part({"fileData": {"mimeType": "image/png"}}, "/fileData/fileUri"),
    "fileUri is a list": part({"fileData": {"fileUri": []}}, "/fileData/fileUri"),
    "a call in a user's turn": part({"functionCall": {"name": "f", "args": {}}}, "/functionCall"),
    "said twice": (gem_base, "/generationConfig", {"topP": 1, "top_p": 1}, "/generationConfig/top_p"),
    "systemInstruction is a string": (gem_base, "/systemInstruction", "be brief", "="),
    "systemInstruction is a picture": (gem_base, "/systemInstruction",
                                       {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
                                       "/systemInstruction/parts/0"),
    "generationConfig is a list": (gem_base, "/generationConfig", [], "="),
    "temperature is a string": setting("temperature", "1"),
    "temperature is beyond a number": setting("temperature", Bare("1e999")),
    "topP is a list": setting("topP", []),
    "topK is an object": setting("topK", {}),
    "seed is a string": setting("seed", "1"),
    "maxOutputTokens is a string": setting("maxOutputTokens", "many"),
    "maxOutputTokens is negative": setting("maxOutputTokens", -1),
    "maxOutputTokens is a fraction": setting("maxOutputTokens", 1.5),
    "maxOutputTokens is huge": setting("maxOutputTokens", 10 ** 30),
    "max_output_tokens is negative": setting("max_output_tokens", -1),
    "candidateCount is a string": setting("candidateCount", "2"),
    "responseLogprobs is a number": setting("responseLogprobs", 1),
    "logprobs is true": setting("logprobs", True),
    "stopSequences is a string": setting("stopSequences", "x"),
    "stopSequences holds a number": setting("stopSequences", ["a", 1], "stopSequences/1"),
    "responseMimeType is a list": setting("responseMimeType", []),
    "responseSchema is a string": setting("responseSchema", "object"),
    "responseJsonSchema is a list": setting("responseJsonSchema", []),
    "responseModalities is a string": setting("responseModalities", "TEXT"),
    "responseModalities holds a number": setting("responseModalities", [1], "responseModalities/0"),
    "speechConfig is a string": setting("speechConfig", "Kore"),
    "thinkingConfig is a string": setting("thinkingConfig", "x"),
    "includeThoughts is a string": setting("thinkingConfig", {"includeThoughts": "yes"}, "thinkingConfig/includeThoughts"),
    "thinkingBudget is a string": setting("thinkingConfig", {"thinkingBudget": "much"}, "thinkingConfig/thinkingBudget"),
    "thinkingBudget is -2": setting("thinkingConfig", {"thinkingBudget": -2}, "thinkingConfig/thinkingBudget"),
    "level and budget": setting("thinkingConfig", {"thinkingLevel": "LOW", "thinkingBudget": 5},
                                "thinkingConfig/thinkingBudget"),
    "unknown level": (gem_base, "/generationConfig", Unknown({"thinkingConfig": {"thinkingLevel": "HUGE"}}),
                      "/generationConfig/thinkingConfig/thinkingLevel"),
    "serviceTier is a number": (gem_base, "/serviceTier", 1, "="),
    "store is a string": (gem_base, "/store", "no", "="),
    "tools is an object": (gem_base, "/tools", {}, "="),
    "a tool is a number": (gem_base, "/tools", [1], "/tools/0"),
    "functionDeclarations is an object": (gem_base, "/tools", [{"functionDeclarations": {}}], "/tools/0/functionDeclarations"),
    "a function is a string": (gem_tools, "/tools/0/functionDeclarations/0", "f", "="),
    "a function without name": (gem_tools, "/tools/0/functionDeclarations/0/name", MISSING, "="),
    "a function's name is empty": (gem_tools, "/tools/0/functionDeclarations/0/name", "", "="),
    "parameters of both kinds": (gem_tools, "/tools/0/functionDeclarations/0/parameters", {"type": "OBJECT"}, "="),
    "parametersJsonSchema is a list": (gem_tools, "/tools/0/functionDeclarations/0/parametersJsonSchema", [], "="),
    "two functions of one name": (gem_base, "/tools", [{"functionDeclarations": [{"name": "f"}]},
                                                       {"functionDeclarations": [{"name": "f"}]}],
                                  "/tools/1/functionDeclarations/0/name"),
    "toolConfig is a string": (gem_tools, "/toolConfig", "ANY", "="),
    "unknown mode": (gem_tools, "/toolConfig", Unknown({"functionCallingConfig": {"mode": "SOME"}}), CALLING + "/mode"),
    "mode is a number": (gem_tools, "/toolConfig", {"functionCallingConfig": {"mode": 1}}, CALLING + "/mode"),
    "allowedFunctionNames holds a number": (gem_tools, "/toolConfig", {"functionCallingConfig": {
        "mode": "ANY", "allowedFunctionNames": [1]}}, CALLING + "/allowedFunctionNames/0"),
    "a function that is not there": (gem_tools, "/toolConfig", {"functionCallingConfig": {
        "mode": "ANY", "allowedFunctionNames": ["f", "g"]}}, CALLING + "/allowedFunctionNames/1"),
    "a call without tools": (gem_base, "/toolConfig", {"functionCallingConfig": {"mode": "ANY"}}, CALLING),
    "functionCall is a string": (gem_tools, "/contents/1/parts/0/functionCall", "f", "="),
    "functionCall without name": (gem_tools, "/contents/1/parts/0/functionCall/name", MISSING, "="),
    "args is a string": (gem_tools, "/contents/1/parts/0/functionCall/args", "{}", "="),
    "functionResponse without name": (gem_tools, "/contents/2/parts/0/functionResponse/name", MISSING, "="),
    "functionResponse without response": (gem_tools, "/contents/2/parts/0/functionResponse/response", MISSING, "="),
    "response is a string": (gem_tools, "/contents/2/parts/0/functionResponse/response", "1", "="),
    "functionResponse of another name": (gem_tools, "/contents/2/parts/0/functionResponse/name", "g", "="),
    "functionResponse without its call": (gem_tools, "/contents/2/parts/0/functionResponse/id", "c9",
                                          "/contents/2/parts/0/functionResponse"),
    "functionResponse in the model's turn": (gem_tools, "/contents/2/role", "model",
                                             "/contents/2/parts/0/functionResponse"),
    "functionCall without response": (gem_tools, "/contents/2/parts", Unknown([{"text": "and?"}]), "/contents/1/parts/0"),
}


def con_base():
    return {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def con_tools():
    return {"toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]},
            "messages": [{"role": "user", "content": [{"text": "hi"}]},
                         {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}]},
                         {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "1"}]}}]}]}


def converse(value, inside=""):
    """A block of the user's message."""
    return con_base, "/messages/0/content", [value], "/messages/0/content/0" + inside


SPEC = "/toolConfig/tools/0/toolSpec"

CONVERSE = {
    "messages is missing": (con_base, "/messages", MISSING, "="),
    "messages is an object": (con_base, "/messages", {}, "="),
    "messages is empty": (con_base, "/messages", [], "="),
    "a message is a string": (con_base, "/messages/0", "hi", "="),
    "no role": (con_base, "/messages/0/role", MISSING, "="),
    "unknown role": (con_base, "/messages/0/role", Unknown("tool"), "="),
    "content is missing": (con_base, "/messages/0/content", MISSING, "="),
    "content is a string": (con_base, "/messages/0/content", "hi", "="),
    "a block is a string": converse("hi"),
    "a block is empty": converse({}),
    "a block of two kinds": converse({"text": "x", "image": {}}),
    "text is a number": converse({"text": 1}, "/text"),
    "an image without format": converse({"image": {"source": {"bytes": "AAAA"}}}, "/image/format"),
    "an image without source": converse({"image": {"format": "png"}}, "/image/source"),
    "an image's source is empty": converse({"image": {"format": "png", "source": {}}}, "/image/source"),
    "bytes are no base64": converse({"image": {"format": "png", "source": {"bytes": "?"}}}, "/image/source/bytes"),
    "bytes are empty": converse({"image": {"format": "png", "source": {"bytes": ""}}}, "/image/source/bytes"),
    "unknown image format": (con_base, "/messages/0/content",
                             Unknown([{"image": {"format": "tiff", "source": {"bytes": "AAAA"}}}]),
                             "/messages/0/content/0/image/format"),
    "a document without name": converse({"document": {"format": "pdf", "source": {"bytes": "AAAA"}}}, "/document/name"),
    "s3Location without uri": converse({"image": {"format": "png", "source": {"s3Location": {}}}},
                                       "/image/source/s3Location/uri"),
    "a cache point without type": converse({"cachePoint": {}}, "/cachePoint/type"),
    "a call in a user's turn": converse({"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}),
    "system is a string": (con_base, "/system", "x", "="),
    "system holds an image": (con_base, "/system", [{"image": {"format": "png", "source": {"bytes": "AAAA"}}}], "/system/0"),
    "inferenceConfig is a list": (con_base, "/inferenceConfig", [], "="),
    "maxTokens is nought": (con_base, "/inferenceConfig", {"maxTokens": 0}, "/inferenceConfig/maxTokens"),
    "maxTokens is huge": (con_base, "/inferenceConfig", {"maxTokens": 10 ** 30}, "/inferenceConfig/maxTokens"),
    "temperature is a string": (con_base, "/inferenceConfig", {"temperature": "x"}, "/inferenceConfig/temperature"),
    "stopSequences holds a number": (con_base, "/inferenceConfig", {"stopSequences": [1]}, "/inferenceConfig/stopSequences/0"),
    "toolConfig without tools": (con_base, "/toolConfig", {}, "/toolConfig/tools"),
    "toolSpec without name": (con_tools, SPEC + "/name", MISSING, "="),
    "toolSpec without schema": (con_tools, SPEC + "/inputSchema", MISSING, "="),
    "a schema without json": (con_tools, SPEC + "/inputSchema", {}, SPEC + "/inputSchema/json"),
    "two tools of one name": (con_tools, "/toolConfig/tools", 2 * [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}],
                              "/toolConfig/tools/1/toolSpec/name"),
    "toolChoice of a tool that is not there": (con_tools, "/toolConfig/toolChoice", {"tool": {"name": "g"}},
                                               "/toolConfig/toolChoice/tool/name"),
    "toolUse without id": (con_tools, "/messages/1/content/0/toolUse/toolUseId", MISSING, "="),
    "toolUse input is a string": (con_tools, "/messages/1/content/0/toolUse/input", "{}", "="),
    "toolUse without result": (con_tools, "/messages/2/content", [{"text": "and?"}], "/messages/1/content/0"),
    "toolResult without its call": (con_tools, "/messages/2/content/0/toolResult/toolUseId", "t9", "/messages/2/content/0"),
    "unknown status": (con_tools, "/messages/2/content/0/toolResult/status", Unknown("so so"), "="),
    "requestMetadata holds a number": (con_base, "/requestMetadata", {"a": 1}, "/requestMetadata/a"),
}


def count_base():
    return {"model": "M", "messages": [{"role": "user", "content": "hi"}]}


COUNT = {
    "messages is missing": (count_base, "/messages", MISSING, "="),
    "messages is empty": (count_base, "/messages", [], "="),
    "content is a number": (count_base, "/messages/0/content", 1, "="),
    "data is no base64": (count_base, "/messages/0/content", [{"type": "image", "source": {
        "type": "base64", "media_type": "image/png", "data": "!"}}], "/messages/0/content/0/source/data"),
    "model is a number": (count_base, "/model", 1, "="),
    "tools is a string": (count_base, "/tools", "f", "="),
}


def embed_base():
    return {"model": "M", "input": ["hi"]}


EMBED = {
    "input is missing": (embed_base, "/input", MISSING, "="),
    "input is null": (embed_base, "/input", None, "="),
    "input is empty": (embed_base, "/input", [], "="),
    "input is a number": (embed_base, "/input", 7, "="),
    "input is an object": (embed_base, "/input", {}, "="),
    "an input is empty": (embed_base, "/input", ["a", ""], "/input/1"),
    "an input is null": (embed_base, "/input", ["a", None], "/input/1"),
    "a token is a fraction": (embed_base, "/input", [[1, 1.5]], "/input/0"),
    "too many inputs": (embed_base, "/input", ["x"] * 2049, "="),
    "model is missing": (embed_base, "/model", MISSING, "="),
    "model is a list": (embed_base, "/model", [], "="),
    "dimensions is a string": (embed_base, "/dimensions", "3", "="),
    "dimensions is nought": (embed_base, "/dimensions", 0, "="),
    "dimensions is huge": (embed_base, "/dimensions", 10 ** 30, "="),
    "encoding_format is a number": (embed_base, "/encoding_format", 1, "="),
    "user is a number": (embed_base, "/user", 1, "="),
}


def gem_embed():
    return {"content": {"parts": [{"text": "hi"}]}}


GEMINI_EMBED = {
    "content is missing": (gem_embed, "/content", MISSING, "="),
    "content is a string": (gem_embed, "/content", "hi", "="),
    "parts is missing": (gem_embed, "/content/parts", MISSING, "="),
    "parts is empty": (gem_embed, "/content/parts", [], "="),
    "a part is a string": (gem_embed, "/content/parts", ["hi"], "/content/parts/0"),
    "text is a number": (gem_embed, "/content/parts/0/text", 1, "="),
    "outputDimensionality is a string": (gem_embed, "/outputDimensionality", "3", "="),
    "outputDimensionality is nought": (gem_embed, "/outputDimensionality", 0, "="),
    "taskType is a number": (gem_embed, "/taskType", 1, "="),
    "title is a list": (gem_embed, "/title", [], "="),
    "model is a number": (gem_embed, "/model", 1, "="),
}
