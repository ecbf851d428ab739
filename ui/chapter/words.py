"""The screen's own words in its two languages; those of the sections come from the API, those of jobs are English."""

from __future__ import annotations

from dataclasses import dataclass

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = [("English", ENGLISH), ("繁體中文", CHINESE)]
# The languages as HTML names them.
TAGS = {ENGLISH: "en", CHINESE: "zh-Hant"}


@dataclass(frozen=True)
class Words:
    """What the screen says around the sections."""

    heading: str
    intro: str
    sections: str
    old: str
    today: str
    needs: str
    run: str
    meanwhile: str
    cluster: str
    real: str
    output: str
    not_yet: str
    picture: str


WORDS = {
    ENGLISH: Words(
        heading="The chapter, as programs",
        intro=(
            "AIR Studio began as a book chapter on Ray AIR (Ray 2.2, 2022). Each of its sections is a short program "
            "here that does the same with today's Ray: read it, run it, and watch what it does."
        ),
        sections="Sections of the chapter",
        old="In the chapter (Ray 2.2)",
        today="Today",
        needs="It needs {extra}, which “make extras” installs.",
        run="Run",
        meanwhile="Watch on Cluster meanwhile",
        cluster="Open Cluster",
        real="The same for real: {screen}",
        output="Output",
        not_yet="Nobody has run it yet. Its output and its picture appear here.",
        picture="Picture that the program drew",
    ),
    CHINESE: Words(
        heading="以程式呈現的章節",
        intro=(
            "AIR Studio 源自一本書中關於 Ray AIR 的章節（Ray 2.2，2022 年）。這裡的每一節都是一個簡短的程式，"
            "以今天的 Ray 做同樣的事：閱讀、執行，並觀察它的運作。"
        ),
        sections="章節目錄",
        old="書中的名稱（Ray 2.2）",
        today="今天的名稱",
        needs="需要 {extra}，由「make extras」安裝。",
        run="執行",
        meanwhile="執行時在 Cluster 觀察",
        cluster="開啟 Cluster",
        real="實際使用：{screen}",
        output="輸出",
        not_yet="尚未有人執行。輸出與圖片會顯示在這裡。",
        picture="程式繪製的圖片",
    ),
}
