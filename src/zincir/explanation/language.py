"""The words of a page in other languages; formulas, names and notices are the same in all."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line

_LANGUAGE: ContextVar[str] = ContextVar("language", default="en")
"""That of the page that is being written."""


def say(text: str, **values: object) -> str:
    """A text in the language of the page; `values` stand in it in braces.

    >>> with spoken("tr"):
    ...     say("{count} steps", count=7)
    '7 adım'
    """
    found = TURKISH.get(text, text) if _LANGUAGE.get() == "tr" else text
    return found.format(**values)


def code() -> str:
    """The language of the page, as HTML knows it."""
    return _LANGUAGE.get()


@contextmanager
def spoken(language: str) -> Generator[None]:
    """Pages written inside are in a language: `en` or `tr`.

    Raises:
        ArgumentError: there are no words of it.
    """
    if language not in ("en", "tr"):
        raise ArgumentError(
            explain(
                "explain: there are no words of this language", where=user_line(),
                expected="en or tr", got=repr(language), try_='page.save("chain.html", "tr")',
            )
        )  # fmt: skip
    before = _LANGUAGE.set(language)
    try:
        yield
    finally:
        _LANGUAGE.reset(before)


TURKISH: dict[str, str] = {
    # the player
    "Start": "Başa dön", "Back": "Geri", "Play": "Oynat", "Pause": "Durdur", "Next": "İleri",
    "All": "Tümü", "step": "adım", "Step by step": "Adım adım",
    "to the first step": "ilk adıma", "one step back (left arrow)": "bir adım geri (sol ok)",
    "one step on (right arrow)": "bir adım ileri (sağ ok)", "show all of it": "hepsini göster",
    "All of it": "Hepsi", "Forward": "İleri doğru", "Backward": "Geri doğru",
    "{i} of {n}": "{i} / {n}",
    "All values and gradients. From the start on: forward to the loss, and back again.":
        "Bütün değerler ve gradyanlar. Baştan başlayınca: kayba doğru ileri, sonra geri.",
    # boxes
    "value": "değer", "gradient": "gradyan", "given": "verilen", "trained": "eğitilen",
    "{count} steps": "{count} adım", "1 step": "1 adım", "the whole": "tamamı",
    "from {name}": "gelen: {name}", "from {count} values": "{count} değerden",
    "on to the loss": "kayba doğru", "press Enter to open": "açmak için Enter'a basın",
    "{what} {count} steps: open it to see inside": "{what} {count} adım: içini görmek için açın",
    "{name} computes {value}": "{name} şunu hesaplar: {value}",
    "{what} arrives at {name}": "{what}, {name} katmanına ulaşır",
    "its parameters get": "parametrelerinin aldığı:", "and {count} more": "ve {count} tane daha",
    "open layers": "açık katmanlar",
    "Graph of {title}: from what is given, at the top, to what it gives":
        "{title} çizgesi: üstte verilenlerden altta sonuca",
    # details
    "line {line} of {file}": "{file}, satır {line}",
    "details": "ayrıntılar", "number": "sayı", "shape": "biçim", "numbers": "sayılar",
    "mean": "ortalama", "smallest": "en küçük", "largest": "en büyük", "zeros": "sıfırların payı",
    "infinite": "sonsuz", "layer": "katman", "element by element": "eleman eleman",
    "given, and trained: its gradient is wanted": "verilen ve eğitilen: gradyanı aranıyor",
    "all derivatives, a row for each of": "bütün türevler; her satır şunun bir elemanı için:",
    "No gradient arrives here.": "Buraya gradyan ulaşmıyor.",
    "and {count} more uses": "ve {count} kullanım daha", "The doctor": "Doktor",
    "heat map": "ısı haritası",
    "Point at a box, tap it, or move to it with the Tab key: all about it stands here.":
        "Bir kutunun üzerine gelin, ona dokunun ya da Tab tuşuyla seçin: bilgileri burada görünür.",
    # what is said above and below
    "The chain rule, seen": "Zincir kuralını görmek",
    "{steps} steps from what is given to the loss, and back again: the gradient of the loss by "
    "each of {count} trained numbers.":
        "Verilenlerden kayba {steps} adım ve aynı yoldan geri: kaybın, eğitilen {count} sayının "
        "her birine göre gradyanı.",
    "Blue is the way forward": "Mavi, ileriye giden yoldur",
    "each box is computed from those above it.": "her kutu, üstündekilerden hesaplanır.",
    "Orange is the way back": "Turuncu, geriye giden yoldur",
    "beside an arrow stands how many times as much the lower box changes as the upper one. Times "
    "the gradient of the lower box, that is the gradient of the upper one; where several arrows "
    "leave a box, add them up.":
        "okun yanında, alttaki kutunun üsttekine göre kaç kat değiştiği yazar. Bu sayı ile alttaki "
        "kutunun gradyanının çarpımı, üsttekinin gradyanıdır; kutudan birden çok ok çıkıyorsa "
        "çarpımlar toplanır.",
    "Heat maps: values orange above 0, blue below; gradients green above, purple below; 0 has no "
    "colour.":
        "Isı haritaları: değerler 0'ın üstünde turuncu, altında mavi; gradyanlar üstünde yeşil, "
        "altında mor; 0 renksizdir.",
    "How the gradient flows": "Gradyan nasıl akıyor",
    "What arrives at the output of each layer, from the loss on, beside what arrives at the last "
    "one.":
        "Kayıptan geriye doğru her katmanın çıktısına ulaşan gradyan, son katmana ulaşanla "
        "karşılaştırmalı olarak.",
    "1000 times smaller (vanishing)": "1000 kat küçük (kayboluyor)",
    "1000 times larger (exploding)": "1000 kat büyük (patlıyor)",
    "its parameters": "parametreleri", "the doctor": "doktor",
    "What the doctor says": "Doktor ne diyor", "The same as a text": "Aynısı metin olarak",
    "none": "yok", "vanishing": "kayboluyor", "small": "küçük", "healthy": "sağlıklı",
    "large": "büyük", "exploding": "patlıyor", "not finite": "sonlu değil",
    # what a gradient means
    "dL/d{name} is {slope}: no step can be made with it.":
        "dL/d{name} = {slope}: bununla adım atılamaz.",
    "dL/d{name} = 0: where {name} changes a little, L stays as it is.":
        "dL/d{name} = 0: {name} biraz değişirse L olduğu gibi kalır.",
    "dL/d{name} = {slope}: where {name} grows by a little, L rises {size} times as much.":
        "dL/d{name} = {slope}: {name} biraz büyürse L bunun {size} katı artar.",
    "dL/d{name} = {slope}: where {name} grows by a little, L falls {size} times as much.":
        "dL/d{name} = {slope}: {name} biraz büyürse L bunun {size} katı azalır.",
    "So {name} has to shrink for L to fall: against the sign of its gradient.":
        "Demek ki L'nin azalması için {name} küçülmeli: gradyanının işaretinin tersine.",
    "So {name} has to grow for L to fall: against the sign of its gradient.":
        "Demek ki L'nin azalması için {name} büyümeli: gradyanının işaretinin tersine.",
    "Tried: {name} = {value} gives L = {loss}, {change} more.":
        "Denendi: {name} = {value} ile L = {loss}; {change} daha fazla.",
    "Tried: {name} = {value} gives L = {loss}, {change} less.":
        "Denendi: {name} = {value} ile L = {loss}; {change} daha az.",
    "Tried: {name} = {value} gives L = {loss}, the same.":
        "Denendi: {name} = {value} ile L = {loss}; aynı.",
    "The gradient of one more trained number is to be read in the same way.":
        "Eğitilen bir sayının daha gradyanı aynı şekilde okunur.",
    "The gradients of {more} more trained numbers are to be read in the same way.":
        "Eğitilen {more} sayının daha gradyanı aynı şekilde okunur.",
    # the step
    "Two acts: back-propagation, then a step": "İki perde: önce geri yayılım, sonra adım",
    "1. Back-propagation": "1. Geri yayılım",
    "It has found how the loss answers to each value: the gradients above. It has changed nothing.":
        "Kaybın her değere nasıl tepki verdiğini buldu: yukarıdaki gradyanlar. Hiçbir şeyi "
        "değiştirmedi.",
    "2. The step of {optimizer}": "2. {optimizer} adımı",
    "It takes the gradients and changes the values: {settings}.":
        "Gradyanları alır ve değerleri değiştirir: {settings}.",
    "parameter": "parametre", "before": "önce", "remembered": "hatırlanan", "after": "sonra",
    "nothing": "hiç", "and {count} more parameters": "ve {count} parametre daha",
    "The loss on the same data: {before} before the step, {after} after it.":
        "Aynı veride kayıp: adımdan önce {before}, adımdan sonra {after}.",
    "It has not fallen. A step is right only as far as the slope holds.":
        "Azalmadı. Adım, ancak eğim geçerli olduğu sürece doğrudur.",
}  # fmt: skip
