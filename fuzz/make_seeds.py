#!/usr/bin/env python3
"""Writes the seeds of the fuzzers, fuzz/corpus/NAME/seed_*: what is right, and each thing that must not hurt.

Usage: make_seeds.py [FOLDER]
"""

import struct
import sys
import zlib
from pathlib import Path

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(opcode, payload=b'', fin=True, rsv=0, mask=None, size=None, length=None):
    """A frame with every bit free to be wrong; `size` is that of the extended length."""
    length = len(payload) if length is None else length
    if size is None:
        size = 0 if length <= 125 else 2 if length <= 65535 else 8
    head = bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | {0: length, 2: 126, 8: 127}[size]])
    head += length.to_bytes(size, 'big') if size else b''
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def chance(name):
    """A number for whatever an input chooses, the same each time."""
    return zlib.crc32(name.encode()) % 40


def close(code, reason=b''):
    return struct.pack('>H', code) + reason


# Streams of frames: a list of arguments of `frame` for each.
STREAMS = {
    'text': [(TEXT, b'hello')],
    'texts': [(TEXT, b'a'), (BINARY, b'\xff\x00'), (TEXT, b''), (TEXT, '€😀ß'.encode())],
    'text_16_bit': [(TEXT, b'x' * 300)],
    'text_64_bit': [dict(opcode=TEXT, payload=b'abc', length=70000, size=8)],
    'fragments': [(TEXT, b'he', False), (CONTINUATION, b'', False), (CONTINUATION, b'llo'), (TEXT, b'!')],
    'fragments_in_character': [(TEXT, b'\xe2\x82', False), (CONTINUATION, b'\xac\xf0', False), (CONTINUATION, b'\x9f\x98\x80')],
    'fragments_tiny': [(BINARY, b'', False)] + [(CONTINUATION, b'', False), (CONTINUATION, b'x', False)] * 40 + [(CONTINUATION,)],
    'control_between_fragments': [(TEXT, b'a', False), (PING, b'1'), (PONG, b'2'), (PING,), (CONTINUATION, b'b')],
    'pings': [(PING, bytes([i]) * i) for i in (1, 2, 3, 0, 125)],
    'utf8_bad': [(TEXT, b'ab\xff')],
    'utf8_bad_long': [(TEXT, b'x' * 40 + b'\xc0\x80' + b'y' * 40)],
    'utf8_bad_fragment': [(TEXT, b'ab', False), (CONTINUATION, b'c\xed\xa0\x80')],
    'utf8_cut': [(TEXT, b'ab\xf0\x9f\x98')],
    'utf8_bad_in_incomplete_frame': [dict(opcode=TEXT, payload=b'a\xf5', length=1000)],
    'bad_frame_after_message': [(TEXT, b'good'), dict(opcode=0x3)],
    'bad_opcode': [dict(opcode=0xB)],
    'bad_rsv': [dict(opcode=TEXT, payload=b'a', rsv=4)],
    'bad_mask': [dict(opcode=TEXT, payload=b'a', wrong_mask=True)],
    'bad_control_long': [dict(opcode=PING, payload=b'x' * 126)],
    'bad_control_fragmented': [dict(opcode=PING, fin=False)],
    'bad_length_not_minimal': [dict(opcode=TEXT, payload=b'x' * 125, size=2)],
    'bad_length_not_minimal_64': [dict(opcode=TEXT, payload=b'hello', length=65535, size=8)],
    'bad_length_sign_bit': [dict(opcode=BINARY, length=1 << 63, size=8)],
    'bad_length_huge': [dict(opcode=BINARY, length=(1 << 63) - 1, size=8)],
    'bad_length_huge_fragment': [(BINARY, b'abc', False), dict(opcode=CONTINUATION, length=(1 << 63) - 1, size=8)],
    'bad_continuation': [(CONTINUATION, b'a')],
    'bad_message_in_message': [(TEXT, b'a', False), (TEXT, b'b')],
    'close': [(CLOSE, close(1000))],
    'close_empty': [(TEXT, b'a'), (CLOSE,)],
    'close_reason': [(CLOSE, close(1001, 'bye €'.encode()))],
    'close_in_fragments': [(TEXT, b'a', False), (CLOSE, close(4999)), (CONTINUATION, b'b')],
    'close_then_data': [(CLOSE, close(3000)), (TEXT, b'a'), (PING,), dict(opcode=0x7)],
    'close_one_byte': [(CLOSE, b'\x03')],
    'close_code_0': [(CLOSE, close(0))],
    'close_code_1005': [(CLOSE, close(1005))],
    'close_code_1016': [(CLOSE, close(1016))],
    'close_code_5000': [(CLOSE, close(5000))],
    'close_reason_bad': [(CLOSE, close(1000, b'\xff'))],
    'close_reason_cut': [(CLOSE, close(1000, b'\xe2\x82'))],
}


def stream(frames, from_client):
    data = b''
    for i, each in enumerate(frames):
        arguments = dict(each) if isinstance(each, dict) else dict(zip(('opcode', 'payload', 'fin'), each))
        masked = from_client != arguments.pop('wrong_mask', False)
        data += frame(**arguments, mask=(b'\x00\x00\x00\x00' if i % 2 else b'\x37\xfa\x21\x3d') if masked else None)
    return data


def connection_seeds(from_client):
    """The limit's choice, the chops' seed, the stream."""
    for name, frames in STREAMS.items():
        yield name, bytes([4 if chance(name) % 5 else 0, chance(name)]) + stream(frames, from_client)
    tight = [(BINARY, b'x' * 125), (BINARY, b'x' * 126)]
    yield 'limit_125', b'\x03\x02' + stream(tight, from_client)
    yield 'limit_0', b'\x01\x02' + stream([(BINARY, b''), (BINARY, b'x')], from_client)
    yield 'end', b'\x84\x01' + stream([(TEXT, b'a'), (TEXT, b'b', False)], from_client)
    for name, frames in compressed_streams().items():
        yield 'compressed_' + name, bytes([11, chance(name)]) + stream(frames, from_client)


def compressed_streams():
    one, two = compressed(SAMPLE, SAMPLE)
    nothing, = compressed(b'')
    bad_text, = compressed(b'ab\xff' + b'c' * 2000)
    bomb = BOMB[:100]
    plain = dict(opcode=TEXT, payload=b'plain')
    ping = dict(opcode=PING, payload=b'beat')

    def marked(payload, **more):
        return dict(opcode=TEXT, payload=payload, rsv=4, **more)

    return {
        'messages': [marked(one), plain, marked(two), marked(nothing), marked(b'\0')],
        'fragments': [
            marked(one[:9], fin=False), ping, dict(opcode=CONTINUATION, fin=False),
            dict(opcode=CONTINUATION, payload=one[9:], fin=False), dict(opcode=CONTINUATION), marked(two),
        ],
        'last_block': [marked(next(compressed(SAMPLE, flush=zlib.Z_FINISH))), marked(one)],
        'bad_data': [plain, marked(b'\x07abc')],
        'bad_text_and_too_much': [marked(bad_text)],
        'too_much': [plain, marked(bomb)],
        'cut': [marked(one[:-4])],
        'far_distance': [marked(two)],
        'marked_continuation': [marked(one[:9], fin=False), dict(opcode=CONTINUATION, payload=one[9:], rsv=4)],
        'marked_ping': [dict(opcode=PING, rsv=4)],
        'other_bit': [dict(opcode=TEXT, payload=one, rsv=6)],
    }


def frame_seeds():
    for mask in (None, b'mask'):
        for name, arguments in {
            'short': dict(opcode=TEXT, payload=b'abc'), 'long': dict(opcode=BINARY, length=65535),
            'longer': dict(opcode=BINARY, length=65536), 'ping': dict(opcode=PING, payload=b'1'),
            'close': dict(opcode=CLOSE, payload=close(1000)), 'fragment': dict(opcode=TEXT, fin=False, payload=b'a'),
            'not_minimal': dict(opcode=TEXT, length=125, size=2), 'sign_bit': dict(opcode=TEXT, length=1 << 63, size=8),
            'rsv': dict(opcode=TEXT, rsv=7), 'opcode': dict(opcode=0xF),
        }.items():
            yield name + ('_masked' if mask else ''), frame(**arguments, mask=mask)


def lines(*each, body=b''):
    return '\r\n'.join(each).encode('latin-1') + b'\r\n\r\n' + body


HOST, UPGRADE, CONNECTION = 'Host: localhost:8765', 'Upgrade: websocket', 'Connection: Upgrade'
KEY, VERSION = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'
RIGHT = ('GET /chat?a=b HTTP/1.1', HOST, UPGRADE, CONNECTION, KEY, VERSION)


def changed(right, old, *new):
    return lines(*(line for each in right for line in (new if each == old else (each,))))


REQUESTS = {
    'right': lines(*RIGHT),
    'pipelined': lines(*RIGHT, body=b'\x81\x85mask\x05\x04\x1f\x07\x02'),
    'any_case': lines('GET / HTTP/1.1', 'hOST: a', 'UPGRADE: WebSocket', 'connection: keep-alive, UPGRADE', KEY, VERSION),
    'lists': lines(*RIGHT, 'Sec-WebSocket-Protocol: v2,chat', 'Sec-WebSocket-Protocol: \t other ,,', 'Origin: http://a'),
    'extensions': lines(*RIGHT, 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits="8"; x=",;", y'),
    'white_space': changed(RIGHT, CONNECTION, 'Connection: \t Upgrade \t'),
    'absolute_form': changed(RIGHT, RIGHT[0], 'GET ws://other:1/x HTTP/1.1'),
    'ipv6_host': changed(RIGHT, HOST, 'Host: [::1]:80'),
    'obs_fold': changed(RIGHT, CONNECTION, 'Connection: keep-alive,', ' Upgrade'),
    'bare_line_feed': lines(*RIGHT).replace(b'\r\n', b'\n'),
    'post': changed(RIGHT, RIGHT[0], 'POST / HTTP/1.1'),
    'http_1_0': changed(RIGHT, RIGHT[0], 'GET / HTTP/1.0'),
    'no_upgrade': changed(RIGHT, UPGRADE),
    'no_connection': changed(RIGHT, CONNECTION, 'Connection: close'),
    'no_key': changed(RIGHT, KEY),
    'bad_key': changed(RIGHT, KEY, 'Sec-WebSocket-Key: short'),
    'long_key': changed(RIGHT, KEY, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXMgYQ=='),
    'two_keys': changed(RIGHT, KEY, KEY, KEY),
    'version_8': changed(RIGHT, VERSION, 'Sec-WebSocket-Version: 8'),
    'no_host': changed(RIGHT, HOST),
    'two_hosts': changed(RIGHT, HOST, HOST, HOST),
    'bad_host': changed(RIGHT, HOST, 'Host: a b'),
    'body': lines(*RIGHT, 'Content-Length: 5', body=b'hello'),
    'smuggling': lines(*RIGHT, 'Content-Length: 5', 'Transfer-Encoding: chunked', body=b'0\r\n\r\nGET / HTTP/1.1\r\n\r\n'),
    'space_before_colon': lines(*RIGHT, 'X : y'),
    'control_character': lines(*RIGHT, 'X: a\x00b'),
    'escape_sequence': lines('GET / HTTP/1.1', '\x1b[2J'),
    'bad_protocol': lines(*RIGHT, 'Sec-WebSocket-Protocol: a b'),
    'fragment': changed(RIGHT, RIGHT[0], 'GET /#a HTTP/1.1'),
    'cut': lines(*RIGHT)[:-3],
    'many_headers': lines(*RIGHT, *('X: %d' % i for i in range(12))),
    'long_line': lines('GET /' + 'x' * 80 + ' HTTP/1.1', *RIGHT[1:]),
}

ACCEPT = 'Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI='
RIGHT_101 = ('HTTP/1.1 101 Switching Protocols', UPGRADE, CONNECTION, ACCEPT)

RESPONSES = {
    'right': lines(*RIGHT_101),
    'frames': lines(*RIGHT_101, body=frame(TEXT, b'hello')),
    'subprotocol': lines(*RIGHT_101, 'Sec-WebSocket-Protocol: v2'),
    'subprotocol_unasked': lines(*RIGHT_101, 'Sec-WebSocket-Protocol: v3'),
    'subprotocols': lines(*RIGHT_101, 'Sec-WebSocket-Protocol: v2', 'Sec-WebSocket-Protocol: chat'),
    'extension': lines(*RIGHT_101, 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10'),
    'extension_twice': lines(*RIGHT_101, 'Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate'),
    'extension_wrong': lines(*RIGHT_101, 'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16'),
    'extension_unasked': lines(*RIGHT_101, 'Sec-WebSocket-Extensions: permessage-deflate; a="\\""'),
    'wrong_accept': changed(RIGHT_101, ACCEPT, 'Sec-WebSocket-Accept: AAAA'),
    'no_accept': changed(RIGHT_101, ACCEPT),
    'no_upgrade': changed(RIGHT_101, UPGRADE),
    'wrong_upgrade': changed(RIGHT_101, UPGRADE, 'Upgrade: h2c'),
    'wrong_connection': changed(RIGHT_101, CONNECTION, 'Connection: close'),
    'interim': lines('HTTP/1.1 100 Continue') + lines('HTTP/1.1 103 Early Hints', 'Link: </x>') + lines(*RIGHT_101),
    'interim_flood': lines('HTTP/1.1 102 x') * 18,
    'http_1_0': changed(RIGHT_101, RIGHT_101[0], 'HTTP/1.0 101 x'),
    'refusal': lines('HTTP/1.1 403 Forbidden', 'Content-Length: 3', body=b'no\n'),
    'redirect': lines('HTTP/1.1 301 x', 'Location: ws://other/', 'Content-Length: 0'),
    'chunked': lines('HTTP/1.1 500 x', 'Transfer-Encoding: gzip, chunked', body=b'3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n'),
    'chunk_huge': lines('HTTP/1.1 500 x', 'Transfer-Encoding: chunked', body=b'ffffffffffffffff\r\nabc'),
    'length_huge': lines('HTTP/1.1 500 x', 'Content-Length: 18446744073709551615', body=b'x' * 30),
    'to_end': lines('HTTP/1.1 404 Not Found', body=b'where?'),
    'no_content': lines('HTTP/1.1 204 No Content', body=b'none'),
    'garbage': b'SSH-2.0-OpenSSH_9.2\r\n',
    'obs_fold': changed(RIGHT_101, CONNECTION, 'Connection:', ' Upgrade'),
    'cut': lines(*RIGHT_101)[:-2],
}

HEADERS = {
    'list': b'List:a, b ,,c\nlist:d',
    'tokens': b'List:chat,v2\nOther:x',
    'no_tokens': b'List:a b,"c,d"',
    'injection': b'X:a\r\nEvil: b\nY:a\rb\nZ\r:c',
    'white_space': b'X: a\nY:a \nZ:a\tb',
    'empty': b'List:\nX:\n:x',
    'extensions': b'List:permessage-deflate; client_max_window_bits; server_max_window_bits=10, x-y; a="b"',
    'any_case': b'LIST:Upgrade\nList:keep-alive',
    'no_takeover': b'Sec-WebSocket-Extensions:permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    'windows': b'Sec-WebSocket-Extensions:permessage-deflate; server_max_window_bits=8; client_max_window_bits="12"',
    'several_offers': b'Sec-WebSocket-Extensions:permessage-deflate; x=1, y\nSec-WebSocket-Extensions:permessage-deflate',
    'twice': b'Sec-WebSocket-Extensions:permessage-deflate; server_max_window_bits=10; server_max_window_bits=10',
    'out_of_range': b'Sec-WebSocket-Extensions:permessage-deflate; server_max_window_bits=7',
    'quotes': b'Sec-WebSocket-Extensions:a; b="c\\d"; e="\\\\", f="x',
    'high_bytes': b'X:\xc3\xa9\nY:\x7f\nZ:\x80',
}

URIS = (
    'ws://localhost', 'wss://example.com:8443/chat?room=1', 'WS://EXAMPLE.com/', 'ws://user:p%40ss@host:80/x', 'ws://[::1]:9/',
    'ws://[::ffff:1.2.3.4]', 'ws://host?query', 'ws://host/a#b', 'ws://host:0/', 'ws://host:65535', 'ws://host:65536', 'ws://',
    'ws:///path', 'http://host/', 'ws://host/ä€', 'ws://ho st/', 'ws://a@b@c/', 'ws://%zz@host', 'ws://[::1', 'ws://h:/', '//host',
    'ws://host/%00%0d%0aX', 'ws://user@host/@:', 'wss://host:443/', 'ws://[:]/', 'ws://h_o-s.t./?',
)


NAMES = (
    'localhost', 'a.b.', 'bücher.example', 'BÜCHER.example', '例え。テスト', 'правда.рф', '💩.la', '\u212a', '\u0130', 'xn--bcher-kva', 'xn--ü',
    '他们为什么不说中文', 'почемужеонинеговорятпорусски', 'ü' * 60, 'a' * 64, '-ü-', '..', 'ü.' * 30, '\U0010ffff', 'a\u0301', '\x80', 'ß。ss',
)

# A URI and a reference at it: RFC 3986 section 5.4, and redirects.
REFERENCES = (
    'g:h', 'g', './g', 'g/', '/g', '//g', '?y', 'g?y', '#s', 'g#s', ';x', 'g;x?y#s', '', '.', './', '..', '../g', '../..', '../../../g',
    '/./g', '/../g', 'g.', '..g', './../g', 'g/./h', 'g/../h', 'g;x=1/../y', 'g?y/../x', 'ws:g', 'ws:/.//evil', 'wss://other/', 'ws://b/',
    'http://b:8080/x', 'https://b/c?d', 'HTTPS://B', '//ada:secret@b/', 'ws://b:0/', 'javascript:alert(1)', '/\\evil', '/a//../b', '//', ':',
    '//[::1]:9/', '/ä', '/%2e%2e/', 'wss://h/%', '///g', 'ws://b/../../c',
)

REQUEST_PARTS = {
    'path': b'/a/b%20c/', 'root': b'/', 'dots': b'/a/../b', 'encoded_dots': b'/%2e%2e/%2E', 'encoded_slash': b'/a%2fb', 'cut': b'/a%2',
    'backslash': b'/a%5c..', 'nul': b'/a%00', 'utf8': b'/%c3%a4/\xc3\xa4', 'utf8_bad': b'/%c3', 'empty': b'//a', 'no_path': b'a/b',
    'hidden': b'/.git/config', 'tail': b'/a/', 'plus': b'/%+1/%-1',
    'range': b'bytes=0-4', 'range_open': b'bytes=3-', 'range_last': b'bytes=-5', 'range_none': b'bytes=-', 'range_back': b'bytes=5-4',
    'ranges': b'bytes=0-1,3-4', 'range_huge': b'Bytes=0-18446744073709551615', 'range_beyond': b'bytes=18446744073709551616-',
    'range_unit': b'lines=0-4', 'range_zero': b'bytes=-0', 'range_sign': b'bytes=+0--1',
    'base64': b'YWRhOnNlY3JldA==', 'base64_loose': b'YR==', 'base64_one': b'YWI=', 'base64_bad': b'YQ=a', 'base64_space': b'YW I=',
    'origin': b'https://example.com\nexample.com', 'origin_port': b'http://a:80\nA', 'origin_other': b'https://a:80\na', 'null': b'null\na',
    'origin_matching': b'https://chat.example.org\nexample.org', 'origin_evil': b'https://a.example.org.evil\n', 'origin_path': b'https://a/b\na',
}

PROXY_HTTP = {
    'yes': lines('HTTP/1.1 200 Connection established'), 'yes_1_0': lines('HTTP/1.0 200 OK', 'Content-Length: 9'),
    'yes_and_more': lines('HTTP/1.1 200 OK', body=b'HTTP/1.1 101 x'), 'yes_chunked': lines('HTTP/1.1 204 x', 'Transfer-Encoding: chunked'),
    'interim': lines('HTTP/1.1 100 Continue') * 3 + lines('HTTP/1.1 200 OK'), 'interim_flood': lines('HTTP/1.1 102 x') * 18,
    'interim_one': lines('HTTP/1.1 103 '), 'switching': lines('HTTP/1.1 101 x'), 'interim_then_ssh': lines('HTTP/1.1 100 x') + b'SSH-2.0\r\n',
    'login': lines('HTTP/1.1 407 Login', 'Proxy-Authenticate: Basic', 'Content-Length: 3', body=b'no\n'),
    'no_chunked': lines('HTTP/1.1 403 x', 'Transfer-Encoding: chunked', body=b'3\r\nabc\r\n0\r\n\r\n'),
    'no_to_end': lines('HTTP/1.1 502 Bad Gateway', body=b'sorry'), 'no_long': lines('HTTP/1.1 500 x', 'Content-Length: 999999', body=b'x'),
    'empty_line': b'\r\n', 'line': b'HTTP/1.1 200 OK\n\n', 'bad_header': lines('HTTP/1.1 200 OK', 'a b: c'), 'http_2': b'HTTP/2 200\r\n\r\n',
}

PROXY_SOCKS = {
    'granted': b'\0\x5a\0\0\0\0\0\0', 'granted_and_more': b'\0\x5a\0\0\0\0\0\0x', 'rejected': b'\0\x5b\0\0\0\0\0\0', 'identd': b'\0\x5d',
    'code': b'\0\xff', 'wrong': b'\x05\0', 'cut': b'\0\x5a\0', 'ipv4': b'\5\0\5\0\0\1\1\2\3\4\0\x50', 'no': b'\5\0\5\5\0\1', 'no_methods': b'\5\xff',
    'ipv6': b'\5\0\5\0\0\4' + bytes(18), 'name': b'\5\0\5\0\0\3\4host\0\x50', 'name_empty': b'\5\0\5\0\0\3\0\0\x50',
    'name_and_more': b'\5\0\5\0\0\3\1h\0\x50more', 'type': b'\5\0\5\0\0\2', 'method': b'\5\x80', 'password': b'\5\2\1\0\5\0\0\1' + bytes(6),
    'password_wrong': b'\5\2\1\1', 'password_version': b'\5\2\5\0',
}


def proxy_answer_seeds():
    """The proxy and its host, the chops and the end, the answer."""
    for name, text in PROXY_HTTP.items():
        for choice in (0, 40):
            yield f'http_{name}_{choice}', bytes([choice, chance(name) + choice % 3 * 128]) + text
    for name, text in PROXY_SOCKS.items():
        for choice in (1, 17, 3, 8, 23):
            yield f'socks_{name}_{choice}', bytes([choice, chance(name) + choice % 2 * 128]) + text


def by_name(seeds, prefix=lambda number: bytes([number])):
    for name, text in seeds.items():
        yield name, prefix(chance(name)) + text


SEND_LARGE, SEND_TEXT, SEND_BINARY, FRAGMENT, LAST_FRAGMENT, SEND_PING, SEND_PONG, SEND_CLOSE = range(8)
LET_PASS, WRITE, GIVE_AWAY, TOLD_SENT, DELIVER, EXCHANGE = range(8, 14)
CLIENT, SERVER = 0, 1

CONVERSATIONS = {
    'messages': [(CLIENT, SEND_TEXT, 5), (SERVER, SEND_BINARY, 200), (CLIENT, EXCHANGE, 1), (SERVER, EXCHANGE, 20)],
    'large': [(CLIENT, SEND_LARGE, 65535), (CLIENT, WRITE, 100), (SERVER, DELIVER, 51), (CLIENT, EXCHANGE, 0)] * 3,
    'fragments': [(CLIENT, FRAGMENT, 11), (CLIENT, SEND_PING, 3), (CLIENT, FRAGMENT, 0), (CLIENT, LAST_FRAGMENT, 7)],
    'ping_to_full_socket': [
        (CLIENT, SEND_PING, 4), (CLIENT, WRITE, 300), (SERVER, SEND_TEXT, 9), (SERVER, WRITE, 1), (SERVER, DELIVER, 300),
    ],
    'given_away': [(SERVER, SEND_TEXT, 9), (SERVER, GIVE_AWAY, 0), (SERVER, SEND_PING, 1), (SERVER, TOLD_SENT, 3), (CLIENT, DELIVER, 8)],
    'close': [(CLIENT, SEND_TEXT, 5), (CLIENT, SEND_CLOSE, 1), (CLIENT, EXCHANGE, 9), (SERVER, SEND_TEXT, 1), (SERVER, EXCHANGE, 9)],
    'close_from_both': [(CLIENT, SEND_CLOSE, 0), (SERVER, SEND_CLOSE, 1), (SERVER, EXCHANGE, 9)],
    'close_in_fragments': [(SERVER, FRAGMENT, 9), (SERVER, SEND_CLOSE, 1), (SERVER, EXCHANGE, 9)],
    'silence': [(SERVER, LET_PASS, 300)] * 20,
    'keepalive': [(SERVER, LET_PASS, 300), (SERVER, EXCHANGE, 9), (CLIENT, EXCHANGE, 9)] * 8,
}


def conversation_seeds():
    """How messages are compressed; steps of three bytes: who and what, and how much; and what chance makes of it."""
    for name, steps in CONVERSATIONS.items():
        data = b''.join(struct.pack('>BH', side | step << 1, size) for side, step, size in steps)
        yield name, b'\0' + data
        yield 'compressed_' + name, bytes([1 + 16 + chance(name), chance(name), 63]) + data
    for step in (1, 3, 5, 7, 11, 13):
        yield f'step_{step}', bytes(i * step % 256 for i in range(400))


def compressed(*pieces, flush=zlib.Z_SYNC_FLUSH, level=6):
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    for piece in pieces:
        data = compressor.compress(piece) + compressor.flush(flush)
        yield data.removesuffix(b'\x00\x00\xff\xff')


BOMB = next(compressed(b'\0' * 4_000_000))
SAMPLE = b'{"id": 1, "name": "duplex", "tags": ["a", "b"]}'

# Messages of anyone's bytes, as permessage-deflate has them.
INFLATIONS = {
    'one': compressed(SAMPLE),
    'takeover': compressed(SAMPLE, SAMPLE, b'', SAMPLE * 9),
    'stored': compressed(SAMPLE, SAMPLE, level=0),
    'last_block': compressed(SAMPLE, flush=zlib.Z_FINISH),
    'last_block_and_more': [next(compressed(SAMPLE, flush=zlib.Z_FINISH)) + next(compressed(b'more')), next(compressed(b'after'))],
    'empty': [b'\x00', b'', b'\x02\x00'],
    'bomb': [BOMB[:4000]],
    'far_distance': [list(compressed(SAMPLE, SAMPLE))[1]],
    'reserved_block': [b'\x07abc'],
    'bad_stored_length': [b'\x00\x05\x00\x00\x00hello'],
    'cut': [next(compressed(SAMPLE))[:-4]],
}


def deflate_seeds():
    for name, messages in INFLATIONS.items():
        data = b''.join(struct.pack('>H', len(each)) + each for each in messages)
        yield 'any_' + name, b'\x01' + bytes([chance(name), chance(name) % 5]) + data
    for bits in range(8):
        for flags in (4, 7 + 4, 0, 24):
            options = bytes([flags, bits * 9 % 64 + 192, flags, bits * 8 + 7 + 64])
            steps = b''.join(bytes([i * 37 % 256, i % 3 * 20, i % 5 * 7, 47]) + SAMPLE for i in range(8))
            yield f'messages_{bits + 8}_{flags}', b'\x00' + options + steps


def proxy_header_seeds():
    for i, line in enumerate(('TCP4 192.0.2.1 10.0.0.2 8080 80', 'TCP6 2001:db8::1 ::1 1 65535', 'UNKNOWN', 'UNKNOWN x y',
                              'TCP4 ::1 1.2.3.4 1 1', 'TCP6 ::ffff:1.2.3.4 :: 0 01', 'TCP4', 'UNKNOWN ' + 'x' * 100)):
        yield f'text_{i}', f'PROXY {line}\r\nGET / HTTP/1.1\r\n'.encode()
    sizes = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x31: 216, 0x41: 12}
    for command in (0x20, 0x21, 0x22, 0x11):
        for family, size in sizes.items():
            addresses = bytes(range(size)) if family != 0x31 else b'/run/a.sock'.ljust(108, b'\0') + b'\0name'.ljust(108, b'\0')
            for extra in (b'', b'\x04\x00\x01x', b'x' * 300):
                data = addresses + extra
                yield (f'binary_{command:x}_{family:02x}_{len(extra)}', b'\r\n\r\n\0\r\nQUIT\n' + bytes([command, family])
                       + struct.pack('>H', len(data)) + data + b'GET /')


<<<<<<< HEAD
def wav(format=1, bits=16, rate=16000, channels=1, audio=b'\0\x40' * 24, riff=None, size=None, before=b'', extensible=False):
    """A WAV file, with what can be wrong with its header."""
    frame = channels * bits // 8
    body = struct.pack('<HHIIHH', 0xFFFE if extensible else format, channels, rate, rate * frame, frame, bits)
    if extensible:
        body += struct.pack('<HHIH', 22, bits, 0, format) + bytes.fromhex('000000001000800000aa00389b71')
    chunks = b'WAVE' + before + b'fmt ' + struct.pack('<I', len(body)) + body
    chunks += b'data' + struct.pack('<I', len(audio) if size is None else size) + audio
    return b'RIFF' + struct.pack('<I', len(chunks) if riff is None else riff) + chunks


WAVS = {
    'u8': wav(bits=8),
    's16': wav(),
    's24_stereo': wav(bits=24, channels=2, rate=44100),
    's32': wav(bits=32),
    'float': wav(format=3, bits=32, rate=8000, audio=struct.pack('<4f', 0.5, -2, float('nan'), float('inf')) * 3),
    'double': wav(format=3, bits=64, audio=struct.pack('<4d', 0.5, 1e300, float('nan'), float('-inf'))),
    'alaw': wav(format=6, bits=8, rate=8000, audio=bytes(range(256))),
    'mulaw': wav(format=7, bits=8, rate=8000, audio=bytes(range(256))),
    'extensible': wav(extensible=True, channels=2),
    'open': wav(riff=0xFFFFFFFF, size=0xFFFFFFFF),
    'open_0': wav(riff=36, size=0),
    'open_half': wav(riff=0x80000024, size=0x80000000),
    'empty': wav(size=0),
    'chunk_behind': wav(riff=100, size=48) + b'LIST\x04\0\0\0abcd',
    'chunk_before': wav(before=b'JUNK\x05\0\0\0abcde\0'),
    'chunk_huge': wav(before=b'JUNK\xff\xff\xff\xff'),
    'cut': wav()[:50],
    'header_cut': wav()[:30],
    'no_format': b'RIFF\x20\0\0\0WAVEdata\x08\0\0\0abcdefgh',
    'adpcm': wav(format=17, bits=4),
    'rate_0': wav(rate=0),
    'channels_0': wav(channels=0),
    'channels_99': wav(channels=99),
    'avi': b'RIFF\x20\0\0\0AVI LIST',
}


def stream_seeds():
    """The encoding, rate, channels, way of cutting; then what comes."""
    for name, file in WAVS.items():
        yield f'wav_{name}', bytes([0, 0, 1, chance(name)]) + file
    for encoding in range(5):
        for rate in (0, 2, 7):
            yield f'raw_{encoding}_{rate}', bytes([encoding, rate, 1 + encoding, 3]) + bytes(range(256)) * 2
    yield 'short', bytes([0, 1, 1, 1]) + b'RIFF'
    yield 'flac', bytes([0, 1, 1, 1]) + b'fLaC' + b'\0' * 20


def file_seeds():
    yield from WAVS.items()
    yield 'au', struct.pack('>4sIIIII', b'.snd', 24, 48, 3, 16000, 1) + b'\x40\0' * 24
    common = struct.pack('>4sIhIh', b'COMM', 18, 1, 24, 16) + bytes.fromhex('400cfa00000000000000')
    aiff = b'AIFF' + common + struct.pack('>4sIII', b'SSND', 56, 0, 0) + b'\x40\0' * 24
    yield 'aiff', b'FORM' + struct.pack('>I', len(aiff)) + aiff
=======
# Sessions of speech: who acts (0 or 1), what it does, and what that takes.
(SAY, SAY_KNOWN, AUDIO, MARK, PARTIAL, FINAL, PROCESSED, END, TIME, LONG_TIME, READ, BREAK, RESUME, DRAIN, QUERY) = (
    0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
START, START_PLAIN, START_AUTO, START_LARGE, FLUSH, STOP, CANCEL = 0, 1, 2, 3, 8, 9, 10


def step(what, data=b'', who=0):
    return bytes([who + 2 * what]) + data


def say(number, who=0):
    return step(SAY_KNOWN, bytes([number]), who)


def amount(what, number, who=0):
    return step(what, struct.pack('>H', number), who)


def transcript(what, segment, text, stable=0, start=0):
    data = bytes([segment, stable]) + struct.pack('>HH', start, 510) + bytes([len(text)]) + text
    return step(what, data + (b'\0' if what == FINAL else b'') + b'\x50')


def session_seeds():
    speech = (amount(AUDIO, 3200) + step(MARK, b'\0\x10\0') + transcript(PARTIAL, 0, b'one two', 3)
              + transcript(PARTIAL, 0, b'one two three', 7) + step(MARK, b'\0\x20\1') + transcript(FINAL, 0, b'one two three')
              + amount(PROCESSED, 800))
    finished = step(END, b'\0\0\x10')
    read = amount(READ, 20)
    for name, steps in {
        'whole': say(START) + speech + read + say(FLUSH) + transcript(FINAL, 1, b'four', 0, 900) + say(STOP) + finished + read,
        'plain': say(START_PLAIN) + speech + read + say(CANCEL) + read,
        'query': step(QUERY, b'format=pcm_mulaw&rate=8000&interval_ms=200&token=x\n') + speech + say(STOP) + finished + read,
        'unread': say(START) + b''.join(transcript(FINAL, i, b'x' * 60, 0, 900 * i) for i in range(8)) * 9 + read,
        'overloaded': say(START) + amount(AUDIO, 40000) * 4 + read,
        'paused': say(START_AUTO) + amount(AUDIO, 40000) * 4 + amount(PROCESSED, 20000) + read,
        'large': say(START_LARGE) + amount(AUDIO, 60000) + read,
        'idle': say(START) + speech + amount(LONG_TIME, 10000) + finished + read,
        'limit': say(START) + b''.join(amount(TIME, 999) + say(11) for _ in range(310)) + finished + read,
        'drain': say(START) + speech + step(DRAIN, b'\1\x08\0') + finished + read,
        'drain_stopped': say(START) + speech + say(STOP) + step(DRAIN, b'\0\x08\0') + amount(LONG_TIME, 3000) + read,
        'resume': say(START) + read + speech + amount(READ, 2) + step(BREAK, b'\6') + step(RESUME, b'\0\0') + read + speech,
        'resume_wrong': say(START) + read + step(BREAK, b'\6') + step(RESUME, b'\0\1') + read + step(RESUME, b'\0\2', 1),
        'resume_late': say(START) + read + step(BREAK, b'\6') + amount(LONG_TIME, 30000) + step(RESUME, b'\0\0') + read,
        'taken': say(START) + read + speech + step(RESUME, b'\0\0', 1) + read + amount(READ, 20, 1) + amount(AUDIO, 9, 1),
        'after_done': say(START) + read + say(STOP) + finished + step(BREAK, b'\6') + step(RESUME, b'\0\0') + read,
        'failed': say(START) + step(END, b'\1no\n') + read,
        'said': step(SAY, b'{"type":"start","format":"pcm_alaw","rate":8000,"endpoint":{"silence_ms":700}}\n') + speech + read,
        'wrong': b''.join(say(number) + read for number in (START, 0, 4, 5, 6, 7, 12, 13, 15, 14)),
    }.items():
        yield name, steps
>>>>>>> f45ce99 (Fuzz sessions)


SEEDS = {
    'audio_reader': file_seeds(),
    'pcm_decoder': stream_seeds(),
    'frame': frame_seeds(),
    'connection_server': connection_seeds(from_client=True),
    'connection_client': connection_seeds(from_client=False),
    'conversation': conversation_seeds(),
    'deflate': deflate_seeds(),
    'server_handshake': by_name(REQUESTS, lambda number: bytes([0 if number % 4 else 128, number])),
    'client_handshake': by_name(RESPONSES, lambda number: bytes([number if number % 4 else 128])),
    'http1': by_name(RESPONSES),
    'header_grammar': by_name(HEADERS),
    'idna': ((f'{i:02}', text.encode()) for i, text in enumerate(NAMES)),
    'proxy_answer': proxy_answer_seeds(),
    'redirect': ((f'{i:02}', b'wss://a/b/c/d;p?q\n' + text.encode()) for i, text in enumerate(REFERENCES)),
    'request_parts': by_name(REQUEST_PARTS),
    'proxy_header': proxy_header_seeds(),
    'session': session_seeds(),
    'uri': ((f'{i:02}', text.encode()) for i, text in enumerate(URIS)),
}


def main():
    corpus = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / 'corpus'
    for fuzzer, seeds in SEEDS.items():
        folder = corpus / fuzzer
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds:
            (folder / f'seed_{name}').write_bytes(data)


if __name__ == '__main__':
    main()
