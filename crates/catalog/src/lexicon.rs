//! Words that mean the same: what is said for short, in other words, and in other languages.
//!
//! The entries come from general vocabularies and not from what people asked some catalog. In the
//! tables, a line that begins with `# ` names a vocabulary in which the group below it can be looked
//! up, and what of it. They only ever add: a word of the query that a tool contains itself counts most.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::words::{self, stem};

/// What another word counts that means exactly what was written, and one that may mean it.
const SAME: f32 = 0.8;
const SIMILAR: f32 = 0.2;

/// Words that can be read for another, and what they count beside it.
#[derive(Debug)]
pub(crate) struct Meaning {
    /// One word, or several that together mean it.
    pub(crate) stems: Vec<String>,
    pub(crate) weight: f32,
}

impl Meaning {
    /// Whether it means exactly what was written.
    pub(crate) fn is_exact(&self) -> bool {
        self.weight == SAME
    }
}

/// What a word, which is looked up as written and by its stem, can also mean.
pub(crate) fn meanings(word: &str, stem: &str) -> &'static [Meaning] {
    let table = &*TABLE;
    let by_stem = || table.get(stem).filter(|_| stem != word);
    let found = table.get(word).or_else(by_stem);
    found.map_or(&[], Vec::as_slice)
}

static TABLE: LazyLock<HashMap<String, Vec<Meaning>>> = LazyLock::new(|| {
    let mut table: HashMap<String, Vec<Meaning>> = HashMap::new();
    let mut add = |word: String, means: &str, weight: f32| {
        let stems: Vec<String> = words::list(means).iter().map(|word| stem(word)).collect();
        let is_itself = stems == [stem(&word)];
        let known = table.entry(word).or_default();
        if !is_itself && known.iter().all(|meaning| meaning.stems != stems) {
            known.push(Meaning { stems, weight });
        }
    };
    let is_entry = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let entries = |text: &'static str| text.lines().filter(is_entry);
    for line in entries(ABBREVIATIONS) {
        let (short, long) = line
            .split_once(' ')
            .expect("an entry is a short form and a long one");
        add(stem(short), long, SAME);
        if !long.contains(' ') {
            add(stem(long), short, SAME);
        }
    }
    for line in entries(TRANSLATIONS) {
        let (english, foreign) = line
            .split_once(": ")
            .expect("an entry is a word and its translations");
        for word in foreign.split(' ') {
            // As a query's words are folded. English endings are not cut off other languages.
            for folded in words::list(word) {
                add(folded, english, SAME);
            }
        }
    }
    for line in entries(SYNONYMS) {
        for word in line.split(' ') {
            for other in line.split(' ').filter(|other| *other != word) {
                add(stem(word), other, SIMILAR);
            }
        }
    }
    table
});

/// Short forms, each with what it stands for: of services, of programmers and of office work.
const ABBREVIATIONS: &str = "
# Wikipedia, disambiguation pages: short names of services on the web
gh github
gl gitlab
bb bitbucket
# Kubernetes, Terraform, AWS and Google Cloud documentation: names of products
k8s kubernetes
kube kubernetes
tf terraform
aws amazon
gcp google cloud
gcs google cloud storage
s3 bucket
ec2 instance
rds database
# Wiktionary, English initialisms: computing
vm virtual machine
vms virtual machine
# Wikipedia, disambiguation pages: social media and companies
yt youtube
ig instagram
fb facebook
tg telegram
wa whatsapp
li linkedin
sf salesforce
hn hacker news
# Google Workspace documentation: names of products, with their prefix g
gcal google calendar
gdrive google drive
gdoc google doc
gsheet google sheet
gmail mail
# PostgreSQL, MongoDB, Elasticsearch and SQLite documentation: names and prefixes
pg postgres
postgresql postgres
mongo mongodb
es elasticsearch
sqlite sql
# Wiktionary, English abbreviations: databases and version control
db database
dbs database
tbl table
col column
repo repository
repos repository
pr pull request
prs pull request
mr merge request
# GitLab and GitHub documentation, glossaries: delivery of software
ci pipeline
cd deployment
# Wiktionary, English clippings: programming
env environment
envs environment
config configuration
cfg configuration
conf configuration
prop property
param parameter
params parameter
arg argument
args argument
attr attribute
# OWASP cheat sheets and IANA registries: identity and access
auth authentication
authn authentication
authz authorization
perm permission
perms permission
pwd password
pw password
cred credential
creds credential
cert certificate
certs certificate
# Wiktionary, English abbreviations: messages, documents and media
msg message
msgs message
dm direct message
notif notification
info information
doc document
docs documentation
dir directory
img image
imgs image
pic picture
pics picture
vid video
vids video
ss screenshot
# ISO 1951 and Merriam-Webster, abbreviations used in dictionaries
transl translate
lang language
# Wiktionary, English abbreviations: places and measures
loc location
addr address
geo location
temp temperature
calc calculate
num number
qty quantity
amt amount
avg average
min minimum
max maximum
stats statistics
stat statistics
# Wiktionary, English abbreviations: questions and trade
qna question
faq question
txn transaction
tx transaction
txs transaction
acct account
# Merriam-Webster, abbreviations: offices and appointments
org organization
orgs organization
dept department
mgr manager
emp employee
appt appointment
mtg meeting
cal calendar
sched schedule
# Wiktionary, English abbreviations: telephony
sms text message
tel phone
ph phone
# IETF RFC abbreviations list and POSIX: identifiers
id identifier
ids identifier
uid user id
sub subscription
subs subscription
# Kubernetes, kubectl api-resources: short names
svc service
ns namespace
# Wiktionary, English clippings: packages of software
deps dependency
dep dependency
pkg package
pkgs package
lib library
libs library
fn function
func function
impl implementation
# POSIX utilities and Windows commands: names of commands
exec execute
del delete
rm remove
ls list
mv move
cp copy
mk make
upd update
gen generate
cmd command
# Wiktionary, English clippings: operation of software
app application
apps application
admin administrator
dev developer
prod production
perf performance
sec security
# CVE Program and NIST glossary: security
vuln vulnerability
vulns vulnerability
cve vulnerability
# IETF RFC 3986: identifiers of resources
url link
uri link
# Wikipedia, lists of abbreviations: artificial intelligence
ml machine learning
ai artificial intelligence
llm language model
nlp natural language
ocr text recognition
tts text to speech
stt speech to text
asr speech recognition
# Wikipedia, articles on currencies and their ticker symbols
crypto cryptocurrency
btc bitcoin
eth ethereum
sol solana
nft token
# Investopedia, dictionary of financial terms
fx exchange rate
forex exchange rate
etf fund
ipo offering
# Gartner glossary: business software
kpi metric
crm customer
erp resource
hr employee
# Merriam-Webster, abbreviations: orders, travel and letters
po purchase order
eta arrival
poi place
attn attention
approx approximate
bday birthday
asap urgent
w/o without
# Wiktionary, English clippings: reference and comparison
ref reference
refs reference
spec specification
diff difference
regex regular expression
# IANA media types and Microsoft Office: file name extensions
csv spreadsheet
xls spreadsheet
xlsx spreadsheet
ppt presentation
pptx presentation
md markdown
";

/// Verbs that programming interfaces use for the same operation, and words of English that are near
/// each other.
const SYNONYMS: &str = "
# Google API Improvement Proposals, standard methods (AIP-131 to 135), with HTTP and SQL verbs
create add make new insert generate build register
delete remove erase drop destroy clear trash
update edit modify change set alter patch adjust
get fetch retrieve read show view display lookup obtain
list enumerate browse all
search find query look seek discover
# IETF RFC 9110, HTTP methods, and Roget's Thesaurus: transmission
send post deliver submit transmit
write save store record put
# systemd and POSIX: control of jobs
start run launch execute begin trigger invoke
stop cancel halt abort end terminate kill
open launch
close resolve finish complete
# IETF RFC 959 (FTP) and git: transfer
upload push attach
download pull export save
# POSIX utilities: cp, mv and join, with Roget's Thesaurus
copy duplicate clone
move transfer relocate
rename retitle
join merge combine concatenate
split divide separate
# Roget's Thesaurus: conversion and interpretation
convert transform turn change
translate translation
summarize summary digest overview
# POSIX utilities: diff, cmp, test and wc, with Roget's Thesaurus
compare diff difference
check verify validate test inspect
compute calculate calculation math
count number total
# WordNet 3.1, verbs of planning and trade
plan schedule arrange organize
book reserve reservation booking
buy purchase order
pay payment charge
# W3C Activity Streams 2.0: activity types
reply respond answer
share invite grant
block ban
follow subscribe
like favorite star
# WordNet 3.1, verbs of depiction and inquiry
draw plot chart graph diagram visualize
take capture grab
analyze examine investigate study
track monitor watch follow
rate review rating
# WordNet 3.1, nouns of communication and media
message text chat
email mail inbox
picture image photo photograph illustration
movie film
song track music
clip video
# schema.org: Recipe, Restaurant and Offer, with WordNet 3.1
recipe dish meal cook
restaurant food dining eat
price cost quote
cheap inexpensive
# WordNet 3.1, nouns of weather
weather forecast climate temperature
rain precipitation weather
# schema.org: Place, with WordNet 3.1 nouns of location
route direction navigation path
distance far
map location place
nearby near around
address location
# schema.org: Trip, LodgingBusiness and Vehicle, with WordNet 3.1
trip travel journey vacation
flight plane airline
hotel lodging accommodation
house home property apartment
car vehicle
train rail
bus transit
# IETF RFC 5545 (iCalendar): components, with WordNet 3.1
calendar schedule agenda
event meeting appointment
reminder alarm
task todo
note memo
# WordNet 3.1, nouns of documents
file document
folder directory
# IETF RFC 6350 (vCard) and schema.org: Person and Organization
person people contact
user member account
customer client
employee staff worker
company business firm organization
team group
job career vacancy position
# Bugzilla and GitHub documentation, glossaries: tracking of work
bug issue ticket defect
problem error issue
fix repair solve
repository project
code source program
commit revision
# schema.org: CreativeWork, with WordNet 3.1
website site webpage
page webpage
article post story
news headline
paper publication article
book novel
author writer
# WordNet 3.1, nouns of language
word vocabulary term
definition meaning define
dictionary definition
grammar spelling
# WordNet 3.1, nouns of art
picture drawing
# Investopedia, dictionary of financial terms
stock share equity ticker
coin token cryptocurrency
wallet balance
money currency
tax duty
invoice bill receipt
shop store
product item
# Wiktionary, English thesaurus: computing
server host machine
container image
log history
setting configuration option preference
secret key credential
database table
row record
# WordNet 3.1, nouns of conversation
chat conversation
channel room
call phone
# NLM Medical Subject Headings: entry terms
symptom disease condition
medicine drug medication
doctor physician
exercise workout fitness
gene protein
# WordNet 3.1, nouns of nature and leisure
planet space astronomy
animal pet
game play
sport match
score result
quiz question
joke humor fun
random chance dice
# WordNet 3.1, nouns and adjectives of time and rank
time clock hour
date day
holiday vacation
latest newest recent
top best popular trending
";

/// Everyday words of programming interfaces in Spanish, French, German, Italian, Portuguese, Dutch,
/// Polish, Russian, Turkish, Chinese, Japanese and Korean.
const TRANSLATIONS: &str = "
# Wiktionary, translation tables: verbs
create: crear créer creer erstellen anlegen creare criar maken utworzyć stwórz создать создай oluştur 创建 新建 作成 생성
add: añadir agregar ajouter hinzufügen aggiungere adicionar toevoegen dodaj добавить добавь ekle 添加 增加 追加 추가
delete: eliminar borrar supprimer löschen eliminare cancellare excluir apagar verwijderen usuń удалить удали sil 删除 削除 삭제
update: actualizar mettre aktualisieren aggiornare atualizar bijwerken zaktualizuj обновить обнови güncelle 更新 更改 업데
change: cambiar modifier changer ändern cambiare modificare alterar mudar wijzigen zmień изменить измени değiştir 修改 変更 변경
get: obtener obtenir abrufen holen ottenere obter ophalen pobierz получить получи getir 获取 取得
show: mostrar muéstrame montrer afficher zeigen zeige anzeigen mostrare mostra mostrar toon pokaż показать покажи göster 显示 查看 表示 보여
list: listar lister auflisten liste elencare lista lijst wypisz список listele 列出 列表 一覧 목록
search: buscar busca rechercher chercher suchen suche cercare cerca procurar pesquisar zoeken szukaj wyszukaj искать найти поиск ara 搜索 查找 搜寻 検索 검색
find: encontrar encuentra trouver trouve finden finde trovare trova encontrar vinden znajdź найди найти bul 找到 寻找 探す 찾기
send: enviar envía envoyer envoie senden sende schicken inviare invia enviar versturen stuur wyślij отправить отправь gönder 发送 送信 보내
read: leer lire lesen leggere ler lezen czytaj прочитать читать oku 读取 阅读 読む 읽기
write: escribir écrire schreiben scrivere escrever schrijven napisz написать записать yaz 写入 編写 书写 書く 쓰기
save: guardar enregistrer speichern salvare salvar opslaan zapisz сохранить kaydet 保存 저장
open: abrir ouvrir öffnen aprire openen otwórz открыть aç 打开 開く 열기
close: cerrar fermer schließen chiudere fechar sluiten zamknij закрыть kapat 关闭 閉じ 닫기
start: iniciar démarrer starten avviare iniciar rozpocznij запустить başlat 启动 开始 開始 시작
stop: detener parar arrêter stoppen anhalten fermare stoppen zatrzymaj остановить durdur 停止 중지
upload: subir téléverser hochladen caricare carregar uploaden prześlij загрузить yükle 上传 업로
download: descargar télécharger herunterladen scaricare baixar downloaden pobierz скачать indir 下载 다운
translate: traducir traduire traduis übersetzen übersetze tradurre traduzir vertalen przetłumacz перевести переведи çevir 翻译 翻訳 번역
convert: convertir umwandeln umrechnen convertire converter omzetten przelicz konwertuj преобразовать конвертировать dönüştür 转换 变换 変換 변환
calculate: calcular calculer berechnen berechne rechnen calcolare calcular berekenen oblicz вычислить рассчитать hesapla 计算 計算 계산
compare: comparar comparer vergleichen confrontare vergelijken porównaj сравнить karşılaştır 比较 比較 비교
check: comprobar verificar vérifier prüfen überprüfen controllare verificare controleren sprawdź проверить kontrol 检查 确认 確認 확인
analyze: analizar analyser analysieren analizzare analisar analyseren analizuj анализировать analiz 分析 분석
summarize: resumir résumer zusammenfassen riassumere samenvatten podsumuj резюмировать özetle 总结 摘要 要約 요약
book: reservar réserver buchen prenotare boeken zarezerwuj забронировать rezervasyon 预订 予約 예약
buy: comprar acheter kaufen comprare kopen kup купить satın 购买 購入 구매
# Wiktionary, translation tables: messages, files and media
message: mensaje nachricht messaggio mensagem bericht wiadomość сообщение mesaj 消息 信息 メッ 메시
email: correo courriel courrier posta poczta почта письмо posta eposta 邮件 メー 이메 메일
file: archivo fichier datei arquivo bestand plik файл dosya 文件 ファ 파일
folder: carpeta dossier ordner cartella pasta папка klasör 文件夹 目录 フォ 폴더
document: documento dokument документ belge 文档 文書 문서
image: imagen bild immagine imagem afbeelding obraz zdjęcie изображение картинка resim görsel 图片 图像 画像 이미
photo: foto fotografía zdjęcie фото fotoğraf 照片 写真 사진
video: vídeo wideo видео 视频 動画 영상 비디
music: música musique musik musica muziek muzyka музыка müzik 音乐 音楽 음악
song: canción chanson canzone música piosenka песня şarkı 歌曲 노래
movie: película filme filmu фильм sinema 电影 映画 영화
# Wiktionary, translation tables: weather and calendar
weather: tiempo clima météo wetter meteo previsão weer pogoda погода погоду hava 天气 天気 날씨
forecast: pronóstico prévisions vorhersage previsioni previsão prognoza прогноз tahmin 预报 予報 예보
temperature: temperatura température temperatur temperatuur температура sıcaklık 温度 気温 온도
calendar: calendario calendrier kalender calendário kalendarz календарь takvim 日历 カレ 캘린
event: evento événement veranstaltung termin ereignis gebeurtenis wydarzenie событие мероприятие etkinlik 事件 活动 予定 일정
meeting: reunión réunion besprechung riunione reunião vergadering spotkanie встреча toplantı 会议 会議 회의
task: tarea tâche aufgabe compito tarefa taak zadanie задача görev 任务 タス 작업
reminder: recordatorio rappel erinnerung promemoria lembrete przypomnienie напоминание hatırlatıcı 提醒 通知 알림
note: nota notiz notatka заметка not 笔记 メモ 노트 메모
# Wiktionary, translation tables: people and accounts
contact: contacto kontakt contatto contato контакт kişi 联系人 連絡 연락
user: usuario utilisateur benutzer nutzer utente usuário gebruiker użytkownik пользователь kullanıcı 用户 利用者 사용
password: contraseña passe passwort senha wachtwoord hasło пароль şifre 密码 비밀
account: cuenta compte konto conto conta rekening счёт аккаунт hesap 账户 账号 口座 계정
# Wiktionary, translation tables: news and money
news: noticias nouvelles actualités nachrichten notizie notícias nieuws wiadomości новости haber haberler 新闻 ニュ 뉴스
price: precio prix preis prezzo preço prijs cena цена цену fiyat 价格 価格 가격
stock: acción acciones bourse aktie aktien azioni ações aandelen akcje акции hisse 股票 股价 株価 주식
currency: moneda divisa devise monnaie währung valuta moeda waluta валюта döviz 货币 通貨 환율 통화
rate: tasa tipo taux kurs wechselkurs tasso cambio taxa kurs курс kur 汇率 为替 
money: dinero argent geld denaro dinheiro pieniądze деньги 金钱
# Wiktionary, translation tables: places and travel
map: mapa carte karte mappa kaart карта harita 地图 地図 지도
place: lugar lieu ort luogo plaats miejsce место yer 地点 場所 장소
restaurant: restaurante ristorante restauracja ресторан restoran 餐厅 餐馆 レス 식당
hotel: hotels hôtel albergo hoteles отель otel 酒店 ホテ 호텔
flight: vuelo vuelos vol vols flug flüge volo voli voo voos vlucht рейс авиабилет uçuş 航班 机票 飛行 항공
train: tren zug züge treno trem trein pociąg поезд 火车 列车 電車 기차
route: ruta itinéraire strecke percorso rota trasa маршрут güzergah 路线 路線 경로
city: ciudad ville stadt città cidade stad miasto город şehir 城市 都市 도시
country: país paese kraj страна ülke 国家 나라
address: dirección adresse indirizzo endereço adres адрес adresa 地址 住所 주소
distance: distancia entfernung distanza distância afstand odległość расстояние mesafe 距离 距離 거리
# Wiktionary, translation tables: time
time: hora heure uhrzeit zeit ora tijd czas godzina время saat zaman 时间 時間 時刻 시간
date: fecha datum дата tarih 日期 日付 날짜
today: hoy aujourd'hui heute oggi hoje vandaag dzisiaj сегодня bugün 今天 今日 오늘
# Wiktionary, translation tables: language
language: idioma langue sprache lingua língua taal język язык dil 语言 言語 언어
word: palabra mot wort parola palavra woord słowo слово kelime 单词 単語 단어
text: texto texte testo tekst текст metin 文本 テキ 텍스
question: pregunta frage domanda pergunta vraag pytanie вопрос soru 问题 質問 질문
# Wiktionary, translation tables: daily life and trade
recipe: receta recette rezept rezepte ricetta receita recept przepis рецепт tarif 食谱 菜谱 レシ 요리
food: comida nourriture essen cibo comida eten jedzenie еда yemek 食物 食べ 음식
job: trabajo empleo emploi arbeit stelle job lavoro emprego vaga baan praca работа iş 工作 职位 仕事 求人 채용
company: empresa entreprise firma unternehmen azienda bedrijf компания şirket 公司 会社 회사
product: producto produit produkt prodotto produto product продукт товар ürün 产品 商品 제품 상품
order: pedido commande bestellung ordine encomenda zamówienie заказ sipariş 订单 注文 주문
invoice: factura facture rechnung fattura fatura factuur faktura счёт 发票 請求 
# Wiktionary, translation tables: computing
database: datos données datenbank dati dados baza данных veritabanı 数据库 数据 デー 데이
table: tabla tabelle tabella tabela таблица tablo 表格 テー 테이
query: consulta requête abfrage interrogazione zapytanie запрос sorgu 查询 問合 쿼리
repository: repositorio dépôt repositório repozytorium репозиторий 仓库 代码库 リポ 저장소
issue: incidencia problème problema probleem zgłoszenie проблема sorun 议题 課題 이슈
code: código kod код 代码 コー 코드
page: página seite pagina strona страница sayfa 页面 网页 ペー 페이
website: sitio web webseite sito witryna сайт site 网站 웹사
# Wiktionary, translation tables: publications and games
paper: artículo papier artikel artículos articolo artigo artykuł статья makale 论文 論文 논문
book: libro livre buch bücher libros livro boek książka книга книги kitap 书籍 图书 本を 도서
game: juego jeu spiel gioco jogo gra игра oyun 游戏 ゲー 게임
team: equipo équipe mannschaft squadra equipe drużyna команда takım 团队 チー
# Wiktionary, translation tables: numbers, pictures and order
number: número nombre zahl nummer numero liczba число номер sayı 号码 数字 番号 번호
chart: gráfico graphique diagramm grafico wykres график grafik 图表 グラ 차트
screenshot: captura capture bildschirmfoto zrzut скриншот 截图 截屏 
history: historial historique verlauf cronologia histórico historia история geçmiş 历史 履歴 기록
new: nuevo nueva nouveau nouvelle neue neuen neues nuovo nuova novo nova nowy новый новую yeni 新的 新しい 新規
last: último últimos dernier derniers letzte letzten ultimi últimas ostatnie последние 最近 最新 
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_and_other_words_are_read_as_what_they_mean() {
        #[track_caller]
        fn check(word: &str, means: &str, weight: f32) {
            let stems: Vec<String> = words::list(means).iter().map(|word| stem(word)).collect();
            let meaning = meanings(word, &stem(word))
                .iter()
                .find(|meaning| meaning.stems == stems);
            assert_eq!(
                meaning.map(|meaning| meaning.weight),
                Some(weight),
                "{word}"
            );
        }
        check("k8s", "kubernetes", SAME);
        check("kubernetes", "k8s", SAME);
        check("pr", "pull request", SAME);
        check("removing", "delete", SIMILAR);
        check("meteo", "weather", SAME);
        check("天气", "weather", SAME);
        assert!(meanings("", "").is_empty());
    }

    #[test]
    fn every_group_names_its_source() {
        for table in [ABBREVIATIONS, SYNONYMS, TRANSLATIONS] {
            let mut lines = table.trim().lines().peekable();
            assert!(lines.peek().is_some_and(|line| line.starts_with('#')));
            while let Some(heading) = lines.next() {
                let source = heading.strip_prefix("# ").unwrap_or_default();
                assert!(source.contains([':', ',']), "no source: {heading}");
                let entries = std::iter::from_fn(|| lines.next_if(|line| !line.starts_with('#')));
                let group: Vec<&str> = entries.collect();
                assert!(!group.is_empty(), "nothing from {source}");
                assert!(group.iter().all(|line| line.contains(' ')), "{source}");
            }
        }
    }
}
