//! Programs as agents write them.

use super::interpreter::Interpreter;

/// A program, and what it prints.
const PROGRAMS: [(&str, &str); 21] = [
    (
        "import json\nprint(json.dumps({'b': [1, 2.5, None], 'a': 'ü'}, sort_keys=True, ensure_ascii=False))",
        "{\"a\": \"ü\", \"b\": [1, 2.5, null]}\n",
    ),
    ("import re\nprint(re.sub(r'(\\w+)@(\\w+)', r'\\2 at \\1', 'me@home'))", "home at me\n"),
    (
        "import hashlib, hmac, base64, binascii\nprint(hashlib.sha256(b'').hexdigest()[:8], hmac.new(b'k', b'm', 'sha256').hexdigest()[:8], base64.b64encode(b'ab').decode())",
        "e3b0c442 b60090e3 YWI=\n",
    ),
    (
        "from decimal import Decimal, getcontext\ngetcontext().prec = 30\nprint(Decimal(2).sqrt())",
        "1.41421356237309504880168872421\n",
    ),
    (
        "from fractions import Fraction\nimport math, cmath\nprint(Fraction(1, 3) + Fraction(1, 6), math.comb(10, 3), cmath.sqrt(-1))",
        "1/2 120 1j\n",
    ),
    (
        "from datetime import datetime, timedelta, timezone\nd = datetime.strptime('2026-02-28 12:00', '%Y-%m-%d %H:%M')\nprint((d + timedelta(days=1)).isoformat(), d.strftime('%A'))",
        "2026-03-01T12:00:00 Saturday\n",
    ),
    (
        "import statistics as s\nprint(s.median([1, 5, 2]), round(s.stdev([1, 2, 3, 4]), 4), s.quantiles([1, 2, 3, 4], n=4))",
        "2 1.291 [1.25, 2.5, 3.75]\n",
    ),
    (
        "import xml.etree.ElementTree as ET\nr = ET.fromstring('<a><b x=\"1\">t</b></a>')\nprint(r.find('b').text, r.find('b').get('x'))",
        "t 1\n",
    ),
    (
        "import itertools, functools, operator\nprint(list(itertools.batched('abcde', 2)), functools.reduce(operator.mul, range(1, 6)))",
        "[('a', 'b'), ('c', 'd'), ('e',)] 120\n",
    ),
    (
        "import io, csv\nw = io.StringIO()\ncsv.writer(w).writerow(['a,b', 1])\nprint(w.getvalue().strip())",
        "\"a,b\",1\n",
    ),
    (
        "import textwrap, difflib, string\nprint(textwrap.shorten('a b c d e f', 8), difflib.get_close_matches('appel', ['apple', 'ape']), string.Template('$x').substitute(x=1))",
        "a [...] ['apple', 'ape']\n1\n",
    ),
    (
        "import asyncio\nasync def f(n):\n    await asyncio.sleep(0.01 * n)\n    return n\nasync def main():\n    async with asyncio.timeout(5):\n        return await asyncio.gather(f(2), f(1))\nprint(asyncio.run(main()))",
        "[2, 1]\n",
    ),
    (
        "import zlib, gzip, struct, array\nprint(len(zlib.compress(b'a' * 1000)) < 30, struct.unpack('>H', b'\\x01\\x00'), array.array('i', [1]).tobytes().hex())",
        "True (256,) 01000000\n",
    ),
    (
        "import html, html.parser, urllib.parse as u\nprint(html.escape('<a>'), u.quote('a b'), u.urlparse('http://h:1/p?q').port)",
        "&lt;a&gt; a%20b 1\n",
    ),
    (
        "import logging, sys\nlogging.basicConfig(stream=sys.stdout, format='%(levelname)s %(message)s')\nlogging.warning('careful')",
        "WARNING careful\n",
    ),
    (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', type=int)\nprint(p.parse_args(['--n', '3']).n)",
        "3\n",
    ),
    (
        "import unittest, io\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(1, 1)\nr = unittest.TextTestRunner(stream=io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(T))\nprint(r.testsRun, r.wasSuccessful())",
        "1 True\n",
    ),
    (
        "import heapq, bisect, collections\nh = [3, 1, 2]\nheapq.heapify(h)\nprint(heapq.heappop(h), bisect.bisect([1, 2, 3], 2), collections.deque([1, 2], 1))",
        "1 2 deque([2], maxlen=1)\n",
    ),
    (
        "import tomllib, configparser, pprint, copy, typing, abc, contextlib\nprint(tomllib.loads('a = 1'))\nwith contextlib.suppress(ValueError): raise ValueError\npprint.pprint({'a': [1]})",
        "{'a': 1}\n{'a': [1]}\n",
    ),
    // So long that the fuel asks for the time within zlib's innermost loops, whose functions use the stack without saying so.
    (
        "import zlib, hashlib\nd = bytes(8 << 20)\nc = zlib.compress(d, 9)\nprint(len(c) < 50000, zlib.decompress(c) == d, hashlib.sha256(d).hexdigest()[:8])",
        "True True 2daeb1f3\n",
    ),
    (
        "match {'kind': 'x', 'n': 2}:\n    case {'kind': 'x', 'n': n}:\n        print(f'{n=} {n:03d}')\nprint('übung'.encode('utf-16').hex()[:8], 'ä'.encode('latin-1'), b'\\x84'.decode('cp437'))",
        "n=2 002\nfffefc00 b'\\xe4' ä\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_the_standard_library_print_what_they_print_elsewhere() {
    let python = Interpreter::start().await;
    for (code, expected) in PROGRAMS {
        let ran = python.run(code).await;
        let printed = ran.printed().split_whitespace().collect::<Vec<_>>();
        assert_eq!(printed, expected.split_whitespace().collect::<Vec<_>>(), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_module_that_is_offered_can_be_imported() {
    let python = Interpreter::start().await;
    let code = "import sys, importlib\nlacking = []\nfor name in sys.stdlib_module_names:\n    try: importlib.import_module(name)\n    except ImportError: lacking.append(name)\nprint(*sorted(n for n in lacking if not n.startswith('_')))";
    let ran = python.run(code).await;
    let lacking: Vec<&str> = ran.printed().split_whitespace().collect();
    for offered in
        ["csv", "json", "sqlite3", "statistics", "zipfile", "urllib", "asyncio", "email", "xml", "unittest", "tarfile"]
    {
        assert!(!lacking.contains(&offered), "{offered}");
    }
    for absent in ["ctypes", "ssl", "mmap", "fcntl", "lzma"] {
        assert!(lacking.contains(&absent), "{absent}");
    }
}
