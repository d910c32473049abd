#!/usr/bin/env python3
"""Draws how long clients of speech servers wait, the more of them there are: plot.py NAME=FILE.csv... > FILE.svg

The files are what bench_speech --csv writes. Where something was lost the point is hollow.
"""

import csv
import math
import sys

COLOURS = ('#0b6e99', '#c2410c', '#4d7c0f')
PANELS = (('first_p95', 'First text after speech begins, p95'), ('stop_p95', 'From stop to done, p95'),
          ('ping_max', 'Slowest ping'))
WIDTH, HEIGHT, LEFT, TOP, GAP = 270, 220, 64, 56, 74
LEAST, MOST = 0.1, 100_000  # ms
TARGETS = {'first_p95': 500, 'stop_p95': 500, 'ping_max': 50}


def main():
    servers = {}
    for argument in sys.argv[1:]:
        name, _, path = argument.partition('=')
        with open(path) as file:
            servers[name] = sorted(({key: float(it) for key, it in row.items()} for row in csv.DictReader(file)),
                                   key=lambda row: row['clients'])
    clients = max(row['clients'] for rows in servers.values() for row in rows)

    def x(panel, value):
        return LEFT + panel * (WIDTH + GAP) + WIDTH * value / clients

    def y(value):
        share = math.log(max(value, LEAST) / LEAST) / math.log(MOST / LEAST)
        return TOP + HEIGHT * (1 - share)

    total = len(PANELS) * (WIDTH + GAP) + LEFT - GAP + 20
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {TOP + HEIGHT + 44}" font-family="sans-serif" '
          'font-size="12" role="img" aria-label="Latency of speech servers over the number of clients">')
    print('<rect width="100%" height="100%" fill="#fff"/>')
    for i, name in enumerate(servers):
        print(f'<text x="{LEFT + i * 260}" y="18" fill="{COLOURS[i]}" font-weight="bold">{name}</text>')
    for panel, (column, title) in enumerate(PANELS):
        left, right = x(panel, 0), x(panel, clients)
        print(f'<text x="{left}" y="{TOP - 12}">{title}</text>')
        for power in range(-1, 6):
            level = y(10 ** power)
            print(f'<path d="M{left} {level:.1f}H{right}" stroke="#ddd"/>'
                  f'<text x="{left - 6}" y="{level + 4:.1f}" text-anchor="end">{time(10 ** power)}</text>')
        target = y(TARGETS[column])
        print(f'<path d="M{left} {target:.1f}H{right}" stroke="#888" stroke-dasharray="4 3"/>'
              f'<text x="{right}" y="{target - 4:.1f}" text-anchor="end" fill="#666">{TARGETS[column]} ms</text>')
        step = next(it for it in (1, 2, 5, 10, 20, 50, 100, 1000) if clients / it <= 6)
        for tick in range(0, int(clients) + 1, step):
            print(f'<text x="{x(panel, tick):.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{tick}</text>')
        print(f'<text x="{(left + right) / 2}" y="{TOP + HEIGHT + 36}" text-anchor="middle">clients</text>')
        for colour, rows in zip(COLOURS, servers.values()):
            points = [(x(panel, row['clients']), y(row[column])) for row in rows]
            line = ' '.join(f'{px:.1f},{py:.1f}' for px, py in points)
            print(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
            for (px, py), row in zip(points, rows):
                fill = '#fff' if row['lost'] else colour
                print(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{fill}" stroke="{colour}"/>')
    print('</svg>')


def time(ms):
    return f'{ms:g} ms' if ms < 1000 else f'{ms // 1000} s'


if __name__ == '__main__':
    main()
