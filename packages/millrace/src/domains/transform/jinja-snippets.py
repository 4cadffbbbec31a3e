"""Makes jinja-snippets.json: what Python's Jinja2 renders, set up as dbt sets it up (do, loop controls, return, namespace).

Run in an environment with jinja2==3.1.6:  python jinja-snippets.py > jinja-snippets.json
"""

import json

import jinja2
from jinja2 import Environment, runtime


class Return(BaseException):
    def __init__(self, value):
        self.value = value


def _return(value=None):
    raise Return(value)


class Macro(runtime.Macro):
    """dbt's: a macro gives what `return` was called with, of whatever type."""

    def _invoke(self, arguments, autoescape):
        try:
            return super()._invoke(arguments, autoescape)
        except Return as returned:
            return returned.value


env = Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
runtime.Macro = Macro
env.globals["return"] = _return

CONTEXT = {
    "name": "flights",
    "n": 3,
    "x": 1.5,
    "yes": True,
    "nothing": None,
    "items": ["a", "b", "c"],
    "numbers": [3, 1, 2],
    "pairs": {"one": 1, "two": 2, "three": 3},
    "rows": [
        {"name": "ann", "age": 30, "tags": ["x"]},
        {"name": "Bob", "age": 25, "tags": []},
        {"name": "cid", "age": 30, "tags": ["x", "y"]},
    ],
}

SNIPPETS = r"""
# rendering of values
{{ true }} {{ True }} {{ false }} {{ none }} {{ None }}
{{ 1 }} {{ 1.0 }} {{ 1e3 }} {{ 1e16 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 123456789.125 }} {{ 1_000 }}
{{ ['a', 1, 1.0, none, true] }}
{{ {'a': 1, 'b': [2, 'x']} }}
{{ (1, 2) }} {{ (1,) }} {{ () }} {{ 1, 2 }}
{{ "it's" }} {{ ["it's"] }} {{ ['say "hi"'] }} {{ ['both \' and "'] }}
{{ ['a\nb\tc\\d'] }}
{{ 'a' 'b' "c" }}
{{ undefined_name }}|{{ [undefined_name is defined] }}
{{ 'caf\u00e9 \x41 \n.' }}
{{ 0x1f }} {{ 0b101 }} {{ 0o17 }}
# arithmetic
{{ 7 / 2 }} {{ 8 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }}
{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1 + 2.5 }} {{ 3 * 1.0 }}
{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 + 3 * 4 - 5 }} {{ (2 + 3) * 4 }}
{{ 2 ** 100 }} {{ 99999999999999999999 + 1 }}
{{ 'ab' * 3 }} {{ [1] * 3 }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ 'a' + 'b' }}
{{ 1 ~ 'a' ~ none ~ true ~ 1.0 }} {{ '1' + 2 ~ 3 }}
{{ 1 + 2 ~ 3 }}
{{ true + 1 }} {{ -n }} {{ +x }} {{ - 3 | abs }}
{{ 10 / 0 }}
{{ 'a' + 1 }}
{{ [1] + 'a' }}
# comparison and logic
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ (1, 2) == [1, 2] }} {{ 1 == True }}
{{ 'a' in 'cat' }} {{ 'z' not in 'cat' }} {{ 1 in [1, 2] }} {{ 'one' in pairs }} {{ 2 in (1, 2) }}
{{ not true }} {{ not none }} {{ true and 'x' }} {{ false or 'y' }} {{ '' or [] or 'z' }} {{ 1 and 0 }}
{{ 'a' if yes else 'b' }} {{ 'a' if nothing else 'b' }} {{ 'a' if nothing }}|
{{ 1 if false else 2 if false else 3 }}
{{ 1 < 'a' }}
{{ not 1 == 2 }} {{ 1 != 2 and 2 != 3 or false }}
{{ none == none }} {{ none is none }} {{ {} == {} }} {{ {'a': 1} == {'a': 1.0} }}
# access
{{ rows[0].name }} {{ rows[0]['name'] }} {{ rows.0.name }} {{ rows[-1].age }} {{ items[5] }}|
{{ pairs.one }} {{ pairs['two'] }} {{ pairs.missing }}|{{ pairs['missing'] is defined }}
{{ undefined_name.attribute }}
{{ pairs.missing.deeper }}
{{ undefined_name() }}
{{ undefined_name + 1 }}
{{ undefined_name[0] }}
{{ items[1:] }} {{ items[:1] }} {{ items[::-1] }} {{ items[::2] }} {{ items[-2:] }} {{ items[5:] }} {{ 'hello'[1:3] }} {{ 'hello'[::-1] }} {{ (1,2,3)[1:] }} {{ items[10:0:-1] }} {{ items[:-1] }}
{{ {'items': 5}['items'] }} {{ {'x': none}.x }} {{ {'x': none}.get('x', 1) }}
{{ {1: 'int', 'k': 'text'}[1] }} {{ {1: 'a'}[1.0] }} {{ {(1, 2): 'pair'}[(1, 2)] }}
{{ [[1, 2], [3, 4]].1.0 }} {{ (1, 2).0 }}
# texts
{{ 'Hello World'.upper() }} {{ 'Hello'.lower() }} {{ 'hello world'.title() }} {{ "they're here".title() }} {{ 'hELLO'.capitalize() }} {{ 'aB'.swapcase() }}
{{ '  a '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'abcba'.lstrip('ab') }}
{{ 'a,b,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ ' a b c '.split(none, 1) }}
{{ ','.join(['a', 'b']) }} {{ 'abc'.replace('b', 'x') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'abc'.replace('', '-') }}
{{ 'abc'.startswith('a') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.find('c') }} {{ 'abc'.find('z') }} {{ 'abab'.rfind('b') }} {{ 'abab'.count('a') }}
{{ 'abc'.isdigit() }} {{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'AB'.isupper() }} {{ '12'.islower() }}
{{ '7'.zfill(3) }} {{ '-7'.zfill(4) }} {{ 'a'.ljust(3) }}| {{ 'a'.rjust(3, '*') }} {{ 'a'.center(4, '-') }} {{ 'ab'.center(5, '-') }}
{{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('z') }}
{{ 'prefix_x'.removeprefix('prefix_') }} {{ 'x.sql'.removesuffix('.sql') }} {{ 'a\nb\n'.splitlines() }}
{{ 'abc'.index('z') }}
{{ '{} and {}'.format(1, 'x') }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{name:>8}|{n:03d}|{x:.2f}'.format(name='ab', n=7, x=3.14159) }}
{{ '{:,}'.format(1234567) }} {{ '{:>5}|{:<5}|{:^5}'.format('a', 'b', 'c') }} {{ '{:*^7}'.format('x') }} {{ '{:+d} {:x} {:#x} {:b} {:e}'.format(5, 255, 255, 5, 12345.678) }} {{ '{:.1%}'.format(0.256) }} {{ '{{}}'.format() }} {{ '{!r}'.format('a') }} {{ '{a[0]} {b.x}'.format(a=[1], b={'x': 1}) if false else 1 }}
{{ '{:g} {:g} {:g} {:.3g} {:.3}'.format(0.0001, 1e10, 1234567.0, 1234.5, 2.0) }}
{{ '%s and %d' % ('a', 3) }} {{ '%05.2f' % 3.14159 }} {{ '%s' % 'x' }} {{ '%(k)s' % {'k': 'v'} }} {{ '%%' % () }} {{ '%-5s|' % 'a' }} {{ '%x' % 255 }} {{ '%5d|' % 42 }} {{ '%r' % 'a' }} {{ '%e' % 1234.5 }} {{ '%g' % 0.00001 }} {{ '%+d' % 3 }}
{{ '%s %s' % ('a',) }}
{{ '%d' % 'a' }}
{{ 'a'.nonexistent() }}
{{ 'a'.upper(1) }}
# lists and dicts
{% set l = [] %}{% do l.append(1) %}{% do l.append('x') %}{% do l.extend([2, 3]) %}{{ l }} {{ l.pop() }} {{ l.pop(0) }} {{ l }} {{ l.index('x') }} {{ l.count(2) }}
{% set l = [1, 2] %}{{ l.append(3) }}{{ l }}{% set m = l %}{% do m.append(4) %}{{ l }}
{% set l = [3, 1, 2] %}{% do l.sort() %}{{ l }}{% do l.reverse() %}{{ l }}{% do l.insert(1, 9) %}{{ l }}{% do l.remove(9) %}{{ l }}{{ l.copy() }}
{% set d = {} %}{% do d.update({'a': 1}) %}{% do d.update(b=2) %}{{ d }} {{ d.keys() | list }} {{ d.values() | list }} {{ d.items() | list }} {{ d.get('z') }} {{ d.get('z', 0) }} {{ d.pop('a') }} {{ d }} {{ d.setdefault('q', 5) }} {{ d }}
{% for k, v in pairs.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in pairs %}{{ k }} {% endfor %}
{{ dict(a=1, b=2) }} {{ dict([('a', 1)]) }} {{ dict({'x': 1}, y=2) }}
{{ [].pop() }}
# set and scope
{% set x = 1 %}{{ x }}{% set x = x + 1 %}{{ x }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = (3, 4) %}{{ c }}{{ d }}
{% set x = 0 %}{% for i in [1, 2, 3] %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}
{% set x = 0 %}{% if true %}{% set x = 5 %}{% endif %}{{ x }}
{% set ns = namespace(total=0, seen=[]) %}{% for i in [1, 2, 3] %}{% set ns.total = ns.total + i %}{% do ns.seen.append(i) %}{% endfor %}{{ ns.total }} {{ ns.seen }}
{% set block %}hello {{ name }}{% endset %}[{{ block }}] {{ block | upper }}
{% set block | upper | replace('L', '1') %}hello{% endset %}{{ block }}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}
{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}
{% set x = 1, 2, %}{{ x }}
{% set a, b = 1, 2, 3 %}
# for
{% for i in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}
{% for i in [] %}x{% else %}empty{% endfor %}
{% for i in undefined_name %}x{% else %}empty{% endfor %}
{% for i in [1, 2, 3, 4] if i is even %}{{ loop.index }}:{{ i }} {% endfor %}
{% for i in [1, 2, 3] if i > 5 %}{{ i }}{% else %}none{% endfor %}
{% for a, b in [(1, 2), (3, 4)] %}{{ a }}-{{ b }} {% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for i in items %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}
{% for i in items %}{{ loop.cycle('odd', 'even') }} {% endfor %}
{% for i in [1, 1, 2] %}{{ loop.changed(i) }} {% endfor %}
{% for i in [1, 2, 3, 4] %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{{ i }}{{ j }} {% endfor %}{{ loop.index }};{% endfor %}
{% for c in 'abc' %}{{ c }}.{% endfor %}
{% for i in range(10, 0, -3) %}{{ i }} {% endfor %}{{ range(3) | list }}
{% for item in [{'n': 1, 'c': [{'n': 2, 'c': []}]}] recursive %}{{ loop.depth }}{{ item.n }}{{ loop(item.c) }}{% endfor %}
{% for i in 5 %}{% endfor %}
{% for i in items -%} {{ i }} {%- endfor %}
{% for i in (1, 2), (3, 4) %}{{ i }}{% endfor %}
{% for i in 1, 2, %}{{ i }}{% endfor %}
# if
{% if 1 > 2 %}a{% elif n == 3 %}b{% else %}c{% endif %}
{% if items %}some{% endif %}{% if [] %}none{% endif %}{% if not {} %}empty{% endif %}
{% if name is defined and name == 'flights' %}yes{% endif %}
{% if 'a' in items and 'z' not in items %}ok{% endif %}
# macros
{% macro hello(name, greeting='Hello') %}{{ greeting }} {{ name }}!{% endmacro %}{{ hello('a') }} {{ hello('b', 'Hi') }} {{ hello(greeting='Yo', name='c') }}
{% macro m(a, b=a ~ '!') %}{{ a }}{{ b }}{% endmacro %}{{ m('x') }}
{% macro m() %}{{ varargs }} {{ kwargs }}{% endmacro %}{{ m(1, 2, k=3) }}
{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m() }}{{ m(none) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro fact(n) %}{% if n <= 1 %}1{% else %}{{ n * (fact(n - 1) | int) }}{% endif %}{% endmacro %}{{ fact(5) }}
{% macro outer() %}<{{ caller() }}>{% endmacro %}{% call outer() %}body {{ name }}{% endcall %}
{% macro list_items(xs) %}{% for x in xs %}{{ caller(x, loop.index) }};{% endfor %}{% endmacro %}{% call(item, i) list_items(items) %}{{ i }}{{ item }}{% endcall %}
{% macro m(x) %}{{ x }}{% endmacro %}{% set f = m %}{{ f(1) }} {{ [m][0](2) }}
{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }} {{ m(**{'a': 1, 'b': 2}) }} {{ m(1, *[2]) }} {{ m(1, **{'b': 3}) }}
{% macro m() %}  padded  {% endmacro %}[{{ m() | trim }}]
{% set outer = 'o' %}{% macro m() %}{{ outer }}{% endmacro %}{{ m() }}
{% macro m(x) %}{% set y = x * 2 %}{{ y }}{% endmacro %}{{ m(2) }}{{ y is defined }}
{% macro m(x) %}{{ caller() }}{% endmacro %}{{ m(1) }}
{% macro m() %}{% endmacro %}{% call m() %}x{% endcall %}
{% macro m(a, b=2, c=3) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1, c=9,) }}
{{ m.name if m is defined else 'undefined' }}{% macro m() %}{% endmacro %}{{ m.name }}
# return, as dbt has it
{% macro m() %}ignored{{ return([1, 2]) }}{% endmacro %}{% for i in m() %}{{ i }};{% endfor %}
{% macro m(x) %}{% if x %}{{ return('early') }}{% endif %}late{% endmacro %}{{ m(true) }} {{ m(false) }}
{% macro inner() %}{% do return({'a': 1}) %}{% endmacro %}{% macro outer() %}{% do return(inner().a + 1) %}{% endmacro %}{{ outer() + 1 }}
{% macro m() %}{% for i in [1, 2, 3] %}{% if i == 2 %}{% do return(i) %}{% endif %}{% endfor %}{% endmacro %}{{ m() * 10 }}
# whitespace
a   {%- if true -%}   b   {%- endif -%}   c
a {{- ' x ' -}} b
  {% if true %}  indented  {% endif %}  
a {#- comment -#} b {# another #} c
a {% raw %}{{ not rendered }} {% if %}{% endraw %} b
a {%- raw -%} {{ x }} {%- endraw -%} b
{% set x = 1 -%}     {{ x }}
{{ '}}' }} {{ "{%" }} {{ {'a': {'b': 1}} }} {{ {'a': 1}['a'] }}
{% if true +%} x {%+ endif %}
{#- {{ broken #}ok
{%- set a = 1 %}{{- a }}
# filters
{{ 'abc' | upper }} {{ 'ABC' | lower }} {{ 'abc def' | title }} {{ "it's a-test (ok)" | title }} {{ 'aBC' | capitalize }} {{ '  x ' | trim }}| {{ 'xxaxx' | trim('x') }}
{{ items | length }} {{ pairs | length }} {{ 'abc' | length }} {{ items | count }} {{ undefined_name | length }}
{{ items | join(', ') }} {{ items | join }} {{ [1, none, 2.0] | join('-') }} {{ rows | join(',', attribute='name') }}
{{ undefined_name | default('d') }} {{ '' | default('d') }} {{ '' | default('d', true) }} {{ none | default('d') }} {{ none | d('d', boolean=true) }} {{ undefined_name | default }}|
{{ items | first }} {{ items | last }} {{ [] | first }}| {{ [none] | first }}
{{ numbers | sort }} {{ numbers | sort(reverse=true) }} {{ ['b', 'A', 'c'] | sort }} {{ ['b', 'A', 'c'] | sort(case_sensitive=true) }} {{ rows | sort(attribute='age') | map(attribute='name') | list }} {{ rows | sort(attribute='age,name') | map(attribute='name') | list }}
{{ numbers | sum }} {{ rows | sum(attribute='age') }} {{ [0.5, 1] | sum }} {{ numbers | sum(start=10) }}
{{ numbers | min }} {{ numbers | max }} {{ rows | max(attribute='age') }} {{ [] | max }}|
{{ [1, 2, 2, 1] | unique | list }} {{ ['a', 'A', 'b'] | unique | list }} {{ ['a', 'A'] | unique(case_sensitive=true) | list }}
{{ items | reverse | list }} {{ 'abc' | reverse }} {{ 'abc' | list }} {{ pairs | list }}
{{ rows | map(attribute='name') | list }} {{ items | map('upper') | list }} {{ ['1', '2'] | map('int') | sum }} {{ items | map('replace', 'a', 'z') | list }} {{ rows | map(attribute='zip', default='?') | join }} {{ rows | map(attribute='tags.0', default='-') | list }}
{{ [1, 2, 3, 4] | select('even') | list }} {{ [1, 2, 3] | reject('odd') | list }} {{ [0, 1, '', 'a'] | select | list }} {{ items | select('in', ['a', 'c']) | list }} {{ items | reject('equalto', 'a') | list }} {{ [1, 2, 3] | select('gt', 1) | list }}
{{ rows | selectattr('age', 'eq', 30) | map(attribute='name') | list }} {{ rows | rejectattr('tags') | map(attribute='name') | list }} {{ rows | selectattr('tags') | map(attribute='name') | list }} {{ rows | selectattr('name', 'in', ['ann', 'cid']) | list | length }}
{% for age, group in rows | groupby('age') %}{{ age }}:{{ group | map(attribute='name') | join('+') }} {% endfor %}{{ (rows | groupby('age') | first).grouper }} {{ (rows | groupby('age'))[1].list | length }}
{{ pairs | dictsort }} {{ pairs | dictsort(by='value') }} {{ pairs | dictsort(reverse=true) | first }}
{{ pairs | items | list }} {{ range(5) | batch(2) | list }} {{ range(5) | batch(2, 'x') | list }} {{ range(5) | slice(2) | list }} {{ range(5) | slice(3, '-') | list }}
{{ '3' | int }} {{ '3.7' | int }} {{ 'x' | int }} {{ 'x' | int(-1) }} {{ 3.9 | int }} {{ true | int }} {{ '0x1f' | int(base=16) }} {{ none | int }} {{ '42abc' | int(7) }}
{{ '3.5' | float }} {{ 3 | float }} {{ 'x' | float }} {{ 'x' | float(1.5) }} {{ '1e3' | float }}
{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2) }} {{ 2.675 | round(2) }} {{ 42.55 | round(1, 'floor') }} {{ 2.1 | round(method='ceil') }} {{ 7 | round }} {{ 0.125 | round(2) }} {{ 2.1 | round | int }}
{{ -5 | abs }} {{ (-5) | abs }} {{ (-2.5) | abs }} {{ 1234 | string | length }}
{{ 'abc' | replace('b', 'x') }} {{ 'aaa' | replace('a', 'b', 2) }}
{{ 'a\nb\n\nc' | indent(2) }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(2, blank=true) }}|{{ 'a\nb' | indent('> ') }}
{{ 'hello world foo' | wordcount }} {{ 'a b' | center(7) }}| {{ 'hello world long text' | truncate(10) }} {{ 'hello world long text' | truncate(10, true) }} {{ 'hello' | truncate(5) }} {{ 'hello worl' | truncate(9, false, '..', 0) }}
{{ {'b': [1, 2.0, none, true], 'a': 'x<y&"\u00e9'} | tojson }} {{ [] | tojson }} {{ 'it\'s' | tojson }}
{{ {'a': [1, {'b': 2}]} | tojson(indent=2) }}
{{ '%s-%s' | format('a', 1) }} {{ '%(a)s' | format(a=1) }}
{{ '<a href="x">' | escape }} {{ '<b>' | e }} {{ '<b>' | safe }}
{% filter upper %}hello {{ name }}{% endfilter %}{% filter replace('a', 'b') | upper %}banana{% endfilter %}
{{ pairs | attr('one') }}|{{ 'abc' | attr('upper') is callable }}
{{ [3, 1] | sort | first | string ~ 'x' }} {{ ('a' ~ 'b') | upper }} {{ 'a' ~ 'b' | upper }}
{{ 1 | nosuchfilter }}
{{ [1, 'a'] | sort }}
{{ 'a b' | urlencode }} {{ [1, 2] | pprint }}
# tests
{{ name is defined }} {{ zzz is defined }} {{ zzz is undefined }} {{ none is none }} {{ 1 is none }} {{ zzz is none }}
{{ 1 is number }} {{ 1.5 is float }} {{ 1 is integer }} {{ true is boolean }} {{ true is number }} {{ true is integer }} {{ 'a' is string }} {{ 1 is string }}
{{ {} is mapping }} {{ [] is mapping }} {{ [] is sequence }} {{ {} is sequence }} {{ 'a' is sequence }} {{ 1 is sequence }} {{ [] is iterable }} {{ 1 is iterable }} {{ 'a' is iterable }} {{ range is callable }} {{ 1 is callable }}
{{ 4 is even }} {{ 4 is odd }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1 is in [1, 2] }} {{ 'a' is in 'abc' }} {{ 3 is not in [1] }}
{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'defined' is test }}
{{ 1 is eq 1 }} {{ 2 is gt 1 }} {{ 2 is lt(1) }} {{ 'a' is sameas 'a' }} {{ 1 is ne 2 }} {{ 3 is ge 3 }} {{ 1 is equalto 1 }}
{{ name is not defined }} {{ not name is defined }} {{ name is defined and n is number }} {{ name is string or false }}
{{ 1 is nosuchtest }}
# syntax errors
{{ 1 + }}
{% if true %}
{% endif %}
{{ 'open }}
{{ (1, 2 }}
{% for in items %}{% endfor %}
{% nosuchtag %}
{{ a b }}
{# never closed
{% raw %} never closed
{% set 1 = 2 %}
{{ x is mapping if yes else n }}
{% macro m(a=1, b) %}{% endmacro %}
{{ f(a=1, 2) }}
{% else %}
{{ }}
# other
{{ range(3) | map('string') | join('+') }} {{ (range(1, 4) | list)[::-1] }}
{{ namespace(a=1).a }} {{ joiner is defined }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}
{% set pipe = joiner(', ') %}{% for i in items %}{{ pipe() }}{{ i }}{% endfor %}
{{ items | map('upper') | map('lower') | join(',') if items else '' }}
{% set q %}select {% for i in items %}{{ i }}{{ ', ' if not loop.last }}{% endfor %} from t{% endset %}{{ q }}
{{ [1, 2,] }} {{ {'a': 1,} }} {{ (1, 2,) }}
{{ [[1, 2], [3]] | sum(start=[]) }} {{ 'a' if items | length > 2 else 'b' }}
{{ (1 if yes else 2) + 1 }} {{ [1 if yes else 2] }}
{{ {'a': 1}.items() | list }} {{ loop is defined }}
"""


def cases():
    group = ""
    for line in SNIPPETS.strip("\n").split("\n"):
        if line.startswith("# "):
            group = line[2:]
            continue
        yield group, line
    for name, template in MULTILINE:
        yield name, template


MULTILINE = [
    ("lines", "select\n  {% for i in items -%}\n  {{ i }}{{ ',' if not loop.last }}\n  {% endfor %}\nfrom t\n"),
    ("lines", "{% if true %}\na\n{% endif %}\nb\n\n"),
    ("lines", "{%- macro m(x) -%}\n  [{{ x }}]\n{%- endmacro -%}\n\n{{ m(1) }}\n"),
    ("lines", "a\r\nb\r{{ 'c\\r\\n' }}\n"),
    ("lines", "{{\n  'a'\n  ~\n  'b'\n}}"),
    ("lines", "{% set x = [\n  1,\n  2,\n] %}{{ x }}\n"),
    ("lines", "-- {# a\n comment #}\nselect 1\n"),
]


def render(template):
    try:
        return {"expected": env.from_string(template).render(json.loads(json.dumps(CONTEXT)))}
    except (Exception, Return):
        return {"error": True}


snippets = [{"group": group, "template": template, **render(template)} for group, template in cases()]
print(json.dumps({"jinja2": jinja2.__version__, "context": CONTEXT, "snippets": snippets}, indent=1, ensure_ascii=False))
