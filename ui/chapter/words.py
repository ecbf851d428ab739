"""The screen's own words in its two languages; those of the sections come from the API.

So do the English words of a job's state; their Chinese is here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ui.jobs.buttons import NO, YES
from ui.jobs.view import QUEUED
from ui.kit.sign_in import ENTER, LEAVE

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
    queued: str
    cancel: str
    yes: str
    no: str
    enter: str
    leave: str


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
        queued=QUEUED,
        cancel="Cancel this run",
        yes=YES,
        no=NO,
        enter=ENTER,
        leave=LEAVE,
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
        queued="已排入佇列。你可以離開此頁，稍後再回來。",
        cancel="取消這次執行",
        yes="是，停止執行",
        no="否，繼續執行",
        enter="登入",
        leave="登出",
    ),
}
# A job's states in Chinese; what the program itself says of an error stays as it is.
STATES = {
    "queued": "等待中",
    "running": "執行中",
    "stopping": "正在停止",
    "stopped": "已停止",
    "succeeded": "已完成，耗時 {seconds:.0f} 秒",
    "failed": "執行失敗",
    "interrupted": "已中斷",
}
WAITS = "一次只執行一個工作，前面還有 {count} 個。"
