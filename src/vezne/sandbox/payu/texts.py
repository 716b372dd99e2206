"""Every sentence of PayU's pages, in English and Turkish: the card form's are the same as on the other pages."""

from collections.abc import Mapping

from vezne.sandbox.texts import TEXTS as SHARED

_EN = {
    "payu_reference": "Transaction",
    "stay": "Close the tab after paying (nothing is posted back; only the webhook tells)",
    "captured_title": "Payment complete",
    "auth_title": "Payment authorised",
    "pending_title": "Payment is being processed",
    "failed_title": "Payment declined",
    "userCancelled_title": "Payment cancelled",
    "bounced_title": "The time to pay is over",
    "back_text": "You are being taken back to the merchant.",
    "user_cancelled": "cancelled by you",
    "left": "not completed in time",
    "closed_title": "This tab counts as closed",
    "closed_text": "Nothing was posted back to the merchant. It learns of the payment by the webhook, or by asking.",
    "payu_problem_title": "Sorry, some problem occurred",
    "payu_problem_text": "Nothing was taken. The merchant's integrator needs to know:",
}
_TR = {
    "payu_reference": "İşlem",
    "stay": "Ödedikten sonra sekmeyi kapat (geri form gönderilmez; yalnızca webhook bildirir)",
    "captured_title": "Ödeme tamamlandı",
    "auth_title": "Ödemeye provizyon alındı",
    "pending_title": "Ödeme işleniyor",
    "failed_title": "Ödeme reddedildi",
    "userCancelled_title": "Ödeme iptal edildi",
    "bounced_title": "Ödeme süresi doldu",
    "back_text": "İşyerine geri götürülüyorsunuz.",
    "user_cancelled": "siz vazgeçtiniz",
    "left": "zamanında tamamlanmadı",
    "closed_title": "Bu sekme kapatılmış sayılıyor",
    "closed_text": "İşyerine hiçbir form gönderilmedi. Ödemeyi webhook'tan ya da sorarak öğrenir.",
    "payu_problem_title": "Üzgünüz, bir sorun oluştu",
    "payu_problem_text": "Hiçbir tutar alınmadı. İşyerinin geliştiricisine iletin:",
}

TEXTS: Mapping[str, Mapping[str, str]] = {"en": {**SHARED["en"], **_EN}, "tr": {**SHARED["tr"], **_TR}}
