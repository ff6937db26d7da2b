# ruff: noqa: E501 - words are not code
"""Random texts in twenty scripts: ordinary words, what stands between words, now and then another script."""

from __future__ import annotations

import random
from typing import NamedTuple

from renderers.text.bidi import first_strong

WORDS: dict[str, str] = {
    "Latin": (
        "the quick well-known co-operate state-of-the-art don't e.g. U.S.A. 3.14 1,000 50% $5 #1 A/B and/or "
        "http://example.com/a?b=c&d=1 foo@bar.com C++ -1 10-20 2:30 (yes) [no] {x} \"quoted\" 'single' “curly” "
        "it’s end! wait… em—dash en–dash a--b x---y 3--4 « Bonjour ! » aujourd’hui l’été «serré» n° ‹simple› "
        "„Guten Tag“ ‚so‘ »Zitat« Straße z.B. 10.000,50 § 3–4 ©2024 Việt Vie\u0323\u0302t q\u0303 ¿Cómo ¡Hola! 1º"
    ),
    "Greek": "Η γρήγορη καφέ αλεπού πηδάει «πάνω» από, το; σκυλί· τέλος 1ος",
    "Cyrillic": "Съешь ещё этих мягких булок, да выпей — «вот» так… кто-то №5 100 ₽ „слово“",
    "Armenian": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար։ «մեջբերում» ինչպե՞ս 5",
    "Georgian": "ყველა ადამიანი იბადება თავისუფალი და „ციტატა“ თავისი 50%",
    "Hebrew": "שלום עולם זה טקסט בעברית, עם סימני-פיסוק! (סוגריים) ״ציטוט״ צה״ל בְּרֵאשִׁית תל-אביב 50%",
    "Arabic": "السلام عليكم هذا نص عربي، مع علامات؟ (أقواس) «اقتباس» ١٢٣ ١٫٥ الْحَمْدُ 50٪ ؛",
    "Devanagari": "हिन्दी में यह एक वाक्य है। सभी मनुष्यों को १२३ ॥ क्षत्रिय-धर्म 5%",
    "Bengali": "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা। এবং ১২৩ ৳৫০",
    "Tamil": "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்; ௧௨௩",
    "Telugu": "ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులు. ౧౨౩",
    "Ethiopic": "የሰው፡ልጅ ሁሉ ሲወለድ ነጻና በክብር። እኩል፣ ነው፤",
    "Tibetan": "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་ སྐྱེས་ཙམ་ཉིད་ནས། །ཆེ་མཐོངས་",
    "Thai": (
        "ร้านอาหารนี้มีเมนูอาหารทะเลสดใหม่ทุกวันและราคาไม่แพง ที่นี่ ผู้ใหญ่ ประเทศไทย สวัสดีครับ ๒๕๖๗ "
        "กรุงเทพมหานคร ภาษาไทยเขียนติดกัน โทรศัพท์มือถือ ๆ ฯลฯ มนุษย์ทั้งปวงเกิดมามีอิสระ"
    ),
    "Myanmar": "လူတိုင်းသည် တူညီ လွတ်လပ်သော မြန်မာနိုင်ငံ။ မင်္ဂလာပါ၊ ၁၂၃ ရန်ကုန်မြို့",
    "Han": (
        "他说：“你好，世界！”然后“走了”。 “好”，我说。 《标题》（括号）、顿号； 100元 50% iPhone手机 "
        "……省略——破折 ‘单’ 人人生而自由 「你好」，他說。 『書名』 台北101 〈篇名〉 3.5万"
    ),
    "Bopomofo": "ㄅㄆㄇ ㄈㄉㄊ、ㄋ ㄌ（ㄍ） ㄎㄏㄐ。",
    "Hiragana": "あああっああゃあーあぃ 「こんにちは」と言った。 すべての、ゝゞ きょう！？ ょゅ 時々 〜から",
    "Katakana": "カタカナ・ミニッツ ｶﾀｶﾅｯｰ ヴァイオリン 日（一）『二』（三）、四 １２３ Ａｂｃ ％ ¥500 東京タワー",
    "Hangul": "모든 인간은 태어날 때부터 “인용” ‘작은’ 「낫표」 100원 (괄호) 서울-부산 ㅋㅋㅋ 한국어·영어",
    "Emoji": "👍🏽 🇩🇪🇫🇷 👩‍👩‍👧 1️⃣ ❤️ 😀😀 👋🏽hi a😀b ☺️ ✌🏻 © ™ → ★★ ½",
}
"""Words by the script that they are most of. Khmer and Lao are apart: see docs/fidelity.md."""
APART: dict[str, str] = {
    "Khmer": "មនុស្សទាំងអស់ កើតមកមានសេរីភាព ប្រទេសកម្ពុជា ភាសាខ្មែរ។ សួស្តី ១២៣ ភ្នំពេញជារាជធានី",
    "Lao": "ມະນຸດທຸກຄົນ ເກີດມາມີສິດ ເສລີພາບ ປະເທດລາວ ສະບາຍດີ ພາສາລາວ ໆ ໑໒໓",
}
_BETWEEN = (
    *" ,.;:!?()[]{}«»‹›“”‘’„‚\"'-–—―…/|%€$£¥°·•‧‐‑*+=<>&#@^_~`¿¡§©×÷№",
    *"\u00a0\u202f\u2009\u200b\u2060\u00ad\t\u3000、。，・：！？「」（）『』〜ー々％￥،؟\u200d\ufe0f\u0301",
    *("--", "---", " ! ", " ? ", " : ", " »", "« ", "...", "//", "3", "10", "1.5", "A", "b"),
)


class RandomText(NamedTuple):
    """A text, the script that most of it is in, and the width of a box for it in px."""

    script: str
    text: str
    width: float


def random_texts(count: int, seed: int, words: dict[str, str] = WORDS) -> list[RandomText]:
    """As many texts, the same for the same seed."""
    chance = random.Random(seed)
    pools = {script: listed.split() for script, listed in words.items()}
    scripts = list(pools)
    found = []
    for at in range(count):
        script = scripts[at % len(scripts)]
        text = "".join(_parts(chance, pools, script)).strip(" \t")
        if first_strong(text) == "rtl" or any("\u0590" <= character <= "\u08ff" for character in text):
            # Chromium counts a soft hyphen that ends a right-to-left line to the next one.
            text = text.replace("\u00ad", "")
        found.append(RandomText(script, text, chance.uniform(60, 400)))
    return found


def _parts(chance: random.Random, pools: dict[str, list[str]], script: str) -> list[str]:
    parts = []
    for _ in range(chance.randint(3, 14)):
        word, kind, between = chance.choice(pools[script]), chance.random(), chance.random()
        if kind < 0.12:
            word = chance.choice(pools[chance.choice(list(pools))])
        elif kind < 0.22 and len(word) > 2:
            start = chance.randrange(len(word))
            word = word[start : start + chance.randint(1, 6)]
        parts.append(word)
        if between < 0.25:
            parts.append(chance.choice(_BETWEEN))
        elif between < 0.3:
            parts.append(chance.choice(_BETWEEN) + chance.choice(_BETWEEN))
        elif between < 0.9:
            parts.append(" ")
    return parts
